"""What a front end is: a model of some framework <-> named tensors."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, ClassVar, Protocol

import numpy as np

from ..factorizations import FactoredWeight


@dataclass(frozen=True)
class NamedTensor:
    """One tensor of a model, in model order.

    Attributes:
        name: unique in the model.
        value: the array as the framework holds it (dtype and shape are kept), or a weight that is factored already.
        scan: axis order for the coder, a name of `wcodec.scans.SCANS`.
    """

    name: str
    value: np.ndarray | FactoredWeight
    scan: str = "as_is"


class FrontEnd(Protocol):
    """One framework or file type. Imports the framework when used, never before.

    A front end that can describe the network also has `graph(model) -> dict`, what `wcodec.runtime` runs.
    """

    name: ClassVar[str]

    def accepts(self, model: Any) -> bool:
        """Whether `model` is this front end's; must not import a framework that is not loaded yet."""

    def tensors(self, model: Any) -> Iterator[NamedTensor]:
        """The tensors in model order; never changes the model, copies at most one tensor at a time."""

    def load(self, model: Any, tensors: Mapping[str, np.ndarray]) -> None:
        """Assign decoded tensors; names and shapes must match exactly, else NameMismatchError and no assignment."""
