"""What a file holds between its coders and its weights: records, symbols, step codes; and the digest of that.

Two files with the same content stand for the same model, whatever their coders, bands, scans and groups are; so a
delta is a difference of contents, exact on every machine (format_spec/delta.md).
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np

from ..chunks.coded import CodedTensor
from ..chunks.decoder import rebuild, restore
from ..container.digest import sha256
from ..container.layout import leb128
from ..dtypes import number_of
from ..errors import naming
from ..factorizations import find_factorization
from ..factorizations.wire import from_params
from ..records import Form, TensorRecord


@dataclass
class Content:
    """A whole model.

    Attributes:
        tensors: name -> what the file holds of it, in model order.
        metadata: text stored with the model.
        graph: layer graph, or None.
    """

    tensors: dict[str, CodedTensor] = field(default_factory=dict)
    metadata: dict[str, str] = field(default_factory=dict)
    graph: Any = None

    def weights(self) -> dict[str, np.ndarray]:
        """All decoded tensors, in model order; WczError names the tensor at fault."""
        weights = {}
        for name, tensor in self.tensors.items():
            with naming(name):
                weights[name] = weight_of(tensor)
        return weights

    def digest(self) -> bytes:
        """The model digest, 32 bytes: SHA-256 over names, records, step codes and arrays (format_spec/delta.md)."""
        sha = sha256()
        for name, tensor in self.tensors.items():
            sha.update(_described(name, tensor.plain_record))
            for factor in tensor.factors:
                if factor.codes is not None:
                    sha.update(_little(factor.codes.astype(np.int32)))
                is_verbatim = factor.record.form is Form.VERBATIM
                sha.update(_little(factor.array if is_verbatim else factor.array.astype(np.int32, copy=False)))
        digest: bytes = sha.digest()
        return digest


def weight_of(tensor: CodedTensor) -> np.ndarray:
    """The decoded tensor."""
    record = tensor.record
    factorization = from_params(find_factorization(record.kind), record.shape, record.params)
    return rebuild(factorization, {factor.name: restore(factor) for factor in tensor.factors}, record)


def _described(name: str, record: TensorRecord) -> bytes:
    """Name and record as the model digest covers them."""
    params = ";".join(",".join(map(str, p)) if isinstance(p, tuple) else str(p) for p in record.params)
    numbers = [number_of(record.dtype), len(record.shape), *record.shape]
    described = _text(name) + b"".join(map(leb128, numbers)) + _text(str(record.kind)) + _text(params)
    for factor in record.factors:
        mask = 0 if factor.step_axes is None else 1 + sum(1 << axis for axis in factor.step_axes)
        described += leb128(number_of(factor.dtype) + 16 * factor.form) + leb128(mask)
    return described


def _text(text: str) -> bytes:
    encoded = text.encode()
    return leb128(len(encoded)) + encoded


def _little(array: np.ndarray) -> bytes:
    """Row-major little-endian bytes."""
    return array.astype(array.dtype.newbyteorder("<"), copy=False).tobytes()
