"""Training on Keras 3: entropy-penalized reparameterization (EPR), the compression operator, and pruning."""

from .compressible import CompressibleModel, compressible
from .operators import CompressionOperator, Phase, ScheduleWarning
from .penalty import power_law
from .plan import default_factorization
from .pruning import PrunedModel, prune_low_magnitude, strip_pruning
from .saliency import FirstOrder, Magnitude, WeightChange
from .schedules import AlphaSchedule, ConstantSparsity, PolynomialDecay
from .variables import variable_names

__all__ = [
    "AlphaSchedule",
    "CompressibleModel",
    "CompressionOperator",
    "ConstantSparsity",
    "FirstOrder",
    "Magnitude",
    "Phase",
    "PolynomialDecay",
    "PrunedModel",
    "ScheduleWarning",
    "WeightChange",
    "compressible",
    "default_factorization",
    "power_law",
    "prune_low_magnitude",
    "strip_pruning",
    "variable_names",
]
