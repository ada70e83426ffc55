"""The head of a delta file: which model it is a difference from, and which one it makes (format_spec/delta.md)."""

from __future__ import annotations

from dataclasses import dataclass

import msgpack

from ..errors import RecordError
from .layout import Limits
from .structure import unpack_whole

DIGEST_BYTES = 16  # of a model digest, as much as a head holds


@dataclass(frozen=True)
class DeltaHead:
    """What the 'D' chunk says.

    Attributes:
        base: first DIGEST_BYTES bytes of the model digest of the base.
        result: the same of the model that base and file make.
        whole: positions, in model order, of the tensors that the file holds as they are; rising.
    """

    base: bytes
    result: bytes
    whole: tuple[int, ...] = ()

    def pack(self) -> bytes:
        """Body of the chunk."""
        return bytes(msgpack.packb([self.base, self.result, list(self.whole)]))


def unpack_delta_head(body: memoryview, limits: Limits) -> DeltaHead:
    """Parse the body of a 'D' chunk strictly.

    Raises:
        RecordError: anything but [16 bytes, 16 bytes, rising natural numbers].
    """
    table = unpack_whole(body, limits)
    if not isinstance(table, list) or len(table) != 3:
        raise RecordError("a delta head is [base, result, whole]")
    base, result, whole = table
    if any(not isinstance(digest, bytes) or len(digest) != DIGEST_BYTES for digest in (base, result)):
        raise RecordError(f"base and result of a delta head are {DIGEST_BYTES} bytes each")
    if not isinstance(whole, list) or any(type(position) is not int for position in whole):
        raise RecordError("the whole tensors of a delta head are integers")
    if any(low >= high for low, high in zip([-1, *whole], whole, strict=False)):
        raise RecordError("the whole tensors of a delta head are rising positions")
    return DeltaHead(base, result, tuple(whole))
