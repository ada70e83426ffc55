"""What becomes of each tensor: the policies of `encode`, and `suggest`, which finds kinds and ranks for a target."""

from ..factorizations.factory import FactorizationFactory
from .candidates import CANDIDATES, Candidates
from .measuring import Point
from .policy import GlobalStep, Lossless, NearLossless, Policy, plan
from .suggestion import Row, Suggestion, suggest

__all__ = [
    "CANDIDATES",
    "Candidates",
    "FactorizationFactory",
    "GlobalStep",
    "Lossless",
    "NearLossless",
    "Point",
    "Policy",
    "Row",
    "Suggestion",
    "plan",
    "suggest",
]
