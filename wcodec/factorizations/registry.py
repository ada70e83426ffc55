"""FACTORIZATIONS: every way in which a weight is written as factors. One file a kind, one line here."""

from __future__ import annotations

from ..errors import FactorizationError, UnknownKindError
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
from .protocol import Factorization
from .random_projection import RandomProjection
from .rdft import Rdft
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

FACTORIZATIONS: dict[str, type[Factorization]] = {
    "dense": Dense,
    "rdft": Rdft,
    "low_rank": LowRank,
    "kmeans": KMeans,
    "sparse": Sparse,
    "dictionary": Dictionary,
    "tensor_train": TensorTrain,
    "tensor_ring": TensorRing,
    "hierarchical_tucker": HierarchicalTucker,
    "tucker2": Tucker2,
    "cp": CP,
    "product_quantization": ProductQuantization,
    "sparse_kmeans": SparseKMeans,
    "simhash": SimHash,
    "random_projection": RandomProjection,
    "block_diagonal": BlockDiagonal,
    "input_output": InputOutput,
    "mixed_block": MixedBlock,
    "t_product": TProduct,
    "t_linear": TLinear,
    "tent": Tent,
    "pool": Pool,
    "dct": Dct,
    "block": Block,
    "tfc": Tfc,
    "block_sparse": BlockSparse,
}


def register_factorization(cls: type[Factorization]) -> type[Factorization]:
    """Make a factorization of your own known to encode, training and decode in this process; returns `cls`.

    A file that uses it stores `cls.kind` as a string; a process that has not registered it refuses the file.

    Raises:
        FactorizationError: the class is not a frozen dataclass, its kind is taken, or its `number` is not None
            (numbers belong to the specification).
    """
    if "__dataclass_params__" not in vars(cls):
        raise FactorizationError(f"{cls.__name__} lacks the decorator @dataclass(frozen=True)")
    if cls.number is not None:
        raise FactorizationError(f"{cls.__name__}.number must be None: numbers belong to the specification")
    if FACTORIZATIONS.get(cls.kind, cls) is not cls:
        raise FactorizationError(f"a factorization of kind {cls.kind!r} is registered already")
    FACTORIZATIONS[cls.kind] = cls
    return cls


def find_factorization(wire_kind: int | str) -> type[Factorization]:
    """The class of a kind as a manifest stores it: the number of a built-in one, the name of a user's own.

    Raises:
        UnknownKindError: neither built in nor registered in this process.
    """
    for cls in FACTORIZATIONS.values():
        if wire_kind == (cls.kind if cls.number is None else cls.number):
            return cls
    raise UnknownKindError(f"factorization {wire_kind!r} is neither built in nor registered")
