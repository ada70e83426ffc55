"""Training on Keras 3: entropy-penalized reparameterization (EPR) of any built model."""

from .compressible import CompressibleModel, compressible
from .penalty import power_law
from .plan import default_factorization
from .variables import variable_names

__all__ = ["CompressibleModel", "compressible", "default_factorization", "power_law", "variable_names"]
