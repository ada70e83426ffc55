"""Factorizations: named factors <-> weight. One file a kind; `registry.py` lists them."""

from . import ranks
from .block import Block
from .block_diagonal import BlockDiagonal
from .block_sparse import BlockSparse
from .cp import CP
from .dct import Dct
from .dense import Dense
from .dictionary import Dictionary
from .hierarchical_tucker import HierarchicalTucker
from .input_output import InputOutput
from .kmeans import KMeans
from .low_rank import LowRank
from .mixed_block import MixedBlock
from .pool import Pool
from .product_quantization import ProductQuantization
from .protocol import FactoredWeight, Factorization
from .random_projection import RandomProjection
from .rdft import Rdft
from .registry import FACTORIZATIONS, find_factorization, register_factorization
from .simhash import SimHash
from .sparse import Sparse
from .sparse_kmeans import SparseKMeans
from .t_linear import TLinear
from .t_product import TProduct
from .tensor_ring import TensorRing
from .tensor_train import TensorTrain
from .tent import Tent
from .tfc import Tfc
from .tucker2 import Tucker2

__all__ = [
    "CP",
    "FACTORIZATIONS",
    "Block",
    "BlockDiagonal",
    "BlockSparse",
    "Dct",
    "Dense",
    "Dictionary",
    "FactoredWeight",
    "Factorization",
    "HierarchicalTucker",
    "InputOutput",
    "KMeans",
    "LowRank",
    "MixedBlock",
    "Pool",
    "ProductQuantization",
    "RandomProjection",
    "Rdft",
    "SimHash",
    "Sparse",
    "SparseKMeans",
    "TLinear",
    "TProduct",
    "TensorRing",
    "TensorTrain",
    "Tent",
    "Tfc",
    "Tucker2",
    "find_factorization",
    "ranks",
    "register_factorization",
]
