"""Names of tensors (wcz.md, section 4)."""

from __future__ import annotations

from collections.abc import Iterator

from .conventions import Bytes
from .errors import NAME_TABLE, require

ENDINGS = [
    "/kernel", "/bias", ".weight", ".bias", "/gamma", "/beta", "/moving_mean", "/moving_variance",
    ".running_mean", ".running_var", ".num_batches_tracked", "/recurrent_kernel", "/embeddings",
    "/depthwise_kernel", "/pointwise_kernel",
]  # fmt: skip

PIECES = [
    "conv2d", "dense", "batch_normalization", "depthwise_conv2d", "conv", "layer", "encoder", "decoder",
    "attention", "embedding", "lstm", "block", "norm", "downsample", "output",
]  # fmt: skip


def read_names(body: bytes) -> Iterator[tuple[bytes, bool]]:
    """(name, whether it is grouped), one after another."""
    source, previous = Bytes(body, NAME_TABLE), b""
    while source.left():
        shared, grouped = divmod(source.leb128(5, NAME_TABLE), 2)
        require(shared <= len(previous), NAME_TABLE, "a name shares more than the name before it has")
        previous = previous[:shared] + read_suffix(source)
        yield previous, bool(grouped)


def read_suffix(source: Bytes) -> bytes:
    suffix = b""
    while True:
        byte = source.byte()
        if byte == 0x00:
            return suffix
        if byte <= 0x0F:
            return suffix + ENDINGS[byte - 0x01].encode()
        if byte <= 0x1E:
            suffix += PIECES[byte - 0x10].encode()
        elif byte == 0x1F:
            suffix += source.take(1)
        else:
            suffix += bytes([byte])
