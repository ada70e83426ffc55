"""Training on Keras 3: entropy-penalized reparameterization (EPR) of any built model."""

from .variables import variable_names

__all__ = ["variable_names"]
