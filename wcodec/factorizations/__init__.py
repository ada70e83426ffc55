"""Factorizations: named factors <-> weight. One file a kind; `registry.py` lists them."""

from .block import Block
from .dct import Dct
from .dense import Dense
from .kmeans import KMeans
from .low_rank import LowRank
from .pool import Pool
from .protocol import FactoredWeight, Factorization
from .rdft import Rdft
from .registry import FACTORIZATIONS, find_factorization, register_factorization
from .sparse import Sparse
from .tent import Tent
from .tfc import Tfc

__all__ = [
    "FACTORIZATIONS",
    "Block",
    "Dct",
    "Dense",
    "FactoredWeight",
    "Factorization",
    "KMeans",
    "LowRank",
    "Pool",
    "Rdft",
    "Sparse",
    "Tent",
    "Tfc",
    "find_factorization",
    "register_factorization",
]
