"""wcodec: a codec and file format (.wcz) for neural-network weights.

    report = wcodec.encode(model, "model.wcz")       # Keras, torch, arrays, .safetensors, .keras, .h5, .npz, .pt
    tensors = wcodec.decode("model.wcz")             # name -> numpy array
    for name, tensor in wcodec.stream("model.wcz"):  # one tensor in memory
        ...

`wcodec.backend.NAME` says which kernel the coders run on, "native" or "reference".
Importing this costs numpy and msgpack; encoders, front ends and training are loaded on first use.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

from . import backend
from .chunks.decoder import QuantizedTensor
from .container import Limits
from .decoding.decoder import WczFile, decode, decode_quantized, safe_open, stream, verify
from .errors import WczError
from .factorizations import register_factorization

if TYPE_CHECKING:
    from . import delta, factorizations, feed, plan, rounds, runtime, sources, train
    from .decoding.download import fetch
    from .encoding.encoder import encode
    from .encoding.report import EncodeReport
    from .frontends.keras_runner import KerasRunner
    from .loading import load_into
    from .tensor_files import load, load_file, save, save_file

__version__ = "0.1.0.dev0"

# name -> module that defines it; a module itself where both agree. Loaded on first use (PEP 562).
_LAZY = {
    "EncodeReport": "encoding.report",
    "KerasRunner": "frontends.keras_runner",
    "delta": "delta",
    "encode": "encoding.encoder",
    "factorizations": "factorizations",
    "feed": "feed",
    "fetch": "decoding.download",
    "load": "tensor_files",
    "load_file": "tensor_files",
    "load_into": "loading",
    "plan": "plan",
    "rounds": "rounds",
    "runtime": "runtime",
    "save": "tensor_files",
    "save_file": "tensor_files",
    "sources": "sources",
    "train": "train",
}

__all__ = [
    "EncodeReport",
    "KerasRunner",
    "Limits",
    "QuantizedTensor",
    "WczError",
    "WczFile",
    "backend",
    "decode",
    "decode_quantized",
    "delta",
    "encode",
    "factorizations",
    "feed",
    "fetch",
    "load",
    "load_file",
    "load_into",
    "plan",
    "register_factorization",
    "rounds",
    "runtime",
    "safe_open",
    "save",
    "save_file",
    "sources",
    "stream",
    "train",
    "verify",
]


def __getattr__(name: str) -> Any:
    if name not in _LAZY:
        raise AttributeError(f"module 'wcodec' has no attribute {name!r}")
    module = importlib.import_module(f".{_LAZY[name]}", __name__)
    return module if _LAZY[name] == name else getattr(module, name)


def __dir__() -> list[str]:
    return [*__all__, "__version__"]
