"""Flower's records, plain and packed: what the two ends agree on."""

from __future__ import annotations

from logging import getLogger
from typing import Any

from flwr.app import Array, ArrayRecord

STYPE = "wcodec.rounds/0"  # Array.stype says how the data is serialized
PACKED = "wcz"  # name of the one array of a packed record
MARK = "wcz"  # name of the record by which a reply without arrays says that its client has the mod
NEED_FRAME = "need"

logger = getLogger("flwr")


def is_packed(record: Any) -> bool:
    """Whether a record holds a message of ours in place of arrays."""
    return isinstance(record, ArrayRecord) and PACKED in record and record[PACKED].stype == STYPE


def packed_record(data: bytes) -> ArrayRecord:
    """A message as a record of one array of bytes."""
    return ArrayRecord({PACKED: Array(dtype="uint8", shape=(len(data),), stype=STYPE, data=data)})


def to_arrays(record: ArrayRecord) -> dict[str, Any]:
    """Name -> numpy array."""
    return {name: array.numpy() for name, array in record.items()}


def to_record(arrays: dict[str, Any]) -> ArrayRecord:
    """The inverse of `to_arrays`."""
    return ArrayRecord({name: Array(array) for name, array in arrays.items()})
