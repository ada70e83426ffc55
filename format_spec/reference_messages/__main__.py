"""python -m reference_messages VECTOR.json: play a vector of vectors/messages."""

import json
import sys
from pathlib import Path

from .client import play


def main(path: str) -> None:
    """Play a vector."""
    vector = json.loads(Path(path).read_text())
    for what, found in play([vector[str(i)] for i in range(len(vector) - 1)]):
        print(f"{what}: {found if isinstance(found, str) else f'error {found}'}")


if __name__ == "__main__":
    main(sys.argv[1])
