"""Ed25519 over the manifest (RFC 8032): what is signed is checked before anything else of a feed is read.

The signature stands on the second line of the manifest file, so that both change in one rename.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from ..errors import OptionError, SignatureError

_PREFIX = b"ed25519 "


def sign(signed: bytes, private_key: str | Path) -> bytes:
    """The manifest file: `signed` (a line) and the line with its signature.

    Args:
        signed: bytes of the manifest.
        private_key: path of a PEM file, as `openssl genpkey -algorithm ed25519` writes it.

    Raises:
        OptionError: no such key in the file.
    """
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
    from cryptography.hazmat.primitives.serialization import load_pem_private_key

    key: Any = _loaded(lambda pem: load_pem_private_key(pem, None), private_key)
    if not isinstance(key, Ed25519PrivateKey):
        raise OptionError(f"{private_key} holds no Ed25519 private key")
    signature: bytes = key.sign(signed)
    return signed + _PREFIX + signature.hex().encode("ascii") + b"\n"


def opened(data: bytes, public_key: str | Path | None) -> bytes:
    """The signed part of a manifest file, checked where a key is given.

    Args:
        data: bytes of the manifest file, signed or not.
        public_key: path of a PEM file (`openssl pkey -pubout`); None takes the manifest unchecked.

    Raises:
        SignatureError: a key is given and the manifest is not signed by it.
        OptionError: no such key in the file.
    """
    end = data.find(b"\n") + 1
    signed, signature = (data[:end], data[end:]) if end else (data, b"")
    if public_key is None:
        return signed
    from cryptography.exceptions import InvalidSignature
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
    from cryptography.hazmat.primitives.serialization import load_pem_public_key

    key: Any = _loaded(load_pem_public_key, public_key)
    if not isinstance(key, Ed25519PublicKey):
        raise OptionError(f"{public_key} holds no Ed25519 public key")
    if not signature.startswith(_PREFIX):
        raise SignatureError("the manifest is not signed")
    try:
        key.verify(bytes.fromhex(signature[len(_PREFIX) :].decode("ascii", "replace").strip()), signed)
    except (InvalidSignature, ValueError) as e:
        raise SignatureError("the signature of the manifest does not belong to the given key") from e
    return signed


def _loaded(load: Any, path: str | Path) -> Any:
    from cryptography.exceptions import UnsupportedAlgorithm

    try:
        return load(Path(path).read_bytes())
    except (ValueError, TypeError, UnsupportedAlgorithm) as e:
        raise OptionError(f"{path} is not a PEM file with an unencrypted key") from e
