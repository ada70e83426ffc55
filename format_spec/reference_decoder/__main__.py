"""python -m reference_decoder FILE.wcz: list the tensors of a file."""

import sys
from pathlib import Path

from .file import decode


def main(path: str) -> None:
    """List the tensors of a file."""
    tensors, metadata, _ = decode(Path(path).read_bytes())
    for key, value in metadata.items():
        print(f"{key}: {value}")
    for name, tensor in tensors.items():
        print(f"{name}: {tensor.dtype} {list(tensor.shape)}")


if __name__ == "__main__":
    main(sys.argv[1])
