"""Training on Keras 3: entropy-penalized reparameterization (EPR), the compression operator, and pruning."""

from .compressible import CompressibleModel, compressible
from .operators import CompressionOperator, Phase, ScheduleWarning
from .penalty import power_law
from .plan import default_factorization
from .schedules import AlphaSchedule, ConstantSparsity, PolynomialDecay
from .variables import variable_names

__all__ = [
    "AlphaSchedule",
    "CompressibleModel",
    "CompressionOperator",
    "ConstantSparsity",
    "Phase",
    "PolynomialDecay",
    "ScheduleWarning",
    "compressible",
    "default_factorization",
    "power_law",
    "variable_names",
]
