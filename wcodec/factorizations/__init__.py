"""Factorizations: named factors <-> weight. One file a kind; `registry.py` lists them."""

from .dense import Dense
from .kmeans import KMeans
from .low_rank import LowRank
from .protocol import FactoredWeight, Factorization
from .rdft import Rdft
from .registry import FACTORIZATIONS, find_factorization, register_factorization
from .sparse import Sparse

__all__ = [
    "FACTORIZATIONS",
    "Dense",
    "FactoredWeight",
    "Factorization",
    "KMeans",
    "LowRank",
    "Rdft",
    "Sparse",
    "find_factorization",
    "register_factorization",
]
