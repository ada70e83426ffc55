"""What follows what in a network, seen by watching it run.

Three things matter to the quantizer: whether a later layer can take up the mean error of a layer, which batch
normalization stands directly behind a matrix, and what is going to be added to a layer's output (the shortcut of a
residual block), whose error the layer can help to undo.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from .networks import Network
from .networks.protocol import Inputs, Layer, Operation


@dataclass(frozen=True)
class Trace:
    """Attributes:
    absorbed: names of the layers whose mean error is taken up, by their own additive vector or by the next layer's.
    norms: matrix layer -> the batch normalization that is all that takes its output.
    carriers: layer -> number of the operation whose result is added to its output. Operations count from 0.
    """

    absorbed: frozenset[str]
    norms: Mapping[str, str]
    carriers: Mapping[str, int]


def trace(network: Network, inputs: Inputs) -> Trace:
    """Watch two samples pass through the network."""
    watch = _Watch()
    network.run(inputs[:2], observe=watch)
    once = {name: calls[0] for name, calls in watch.calls.items() if len(calls) == 1}
    norms = _norms(watch, once) if network.observes_all else {}
    return Trace(_absorbed(watch), norms, _carriers(watch, once, norms))


@dataclass
class _Watch:
    """The operations of one run, and which one made each tensor."""

    operations: list[Operation] = field(default_factory=list)  # they keep their tensors, so that no id is used twice
    sources: list[tuple[int | None, ...]] = field(default_factory=list)  # of each operation's arguments
    takers: dict[int, list[int]] = field(default_factory=dict)  # operation -> those that take its result
    calls: dict[str, list[int]] = field(default_factory=dict)  # layer -> its operations
    _made: dict[int, int] = field(default_factory=dict)  # id of a tensor -> operation

    def __call__(self, operation: Operation) -> None:
        number = len(self.operations)
        self.operations.append(operation)
        self.sources.append(tuple(self._made.get(id(a)) for a in operation.arguments))
        for source in set(self.sources[-1]) - {None}:
            self.takers.setdefault(source, []).append(number)  # type: ignore[arg-type]
        if operation.layer is not None:
            self.calls.setdefault(operation.layer.name, []).append(number)
        self._made.update({id(result): number for result in operation.results})

    def layer_of(self, number: int | None) -> Layer | None:
        """The layer that an operation is a call of."""
        return None if number is None else self.operations[number].layer


def _absorbed(watch: _Watch) -> frozenset[str]:
    """A layer feeds another where the very object that it returned comes in as its first argument."""
    found: set[str] = set()
    for operation, sources in zip(watch.operations, watch.sources, strict=True):
        if operation.layer is not None and operation.layer.additive is not None:
            maker = watch.layer_of(sources[0] if sources else None)
            found.update([operation.layer.name], [maker.name] if maker is not None else [])
    return frozenset(found)


def _norms(watch: _Watch, once: Mapping[str, int]) -> dict[str, str]:
    """Pairs that can be rescaled against one another: each is called once, and nothing else takes the product."""
    found = {}
    for name, number in once.items():
        layer, takers = watch.layer_of(number), watch.takers.get(number, [])
        behind = watch.layer_of(takers[0]) if len(takers) == 1 else None
        if layer is not None and behind is not None and _rescalable(layer, behind) and behind.name in once:
            found[name] = behind.name
    return found


def _rescalable(layer: Layer, behind: Layer) -> bool:
    matrix = len(layer.sites) == 1 and layer.linear
    return matrix and behind.norm is not None and behind.additive is not None


def _carriers(watch: _Watch, once: Mapping[str, int], norms: Mapping[str, str]) -> dict[str, int]:
    """The other summand, if it is there before the matrix runs; the norm between the two shares it."""
    found = {}
    for name, number in once.items():
        last = once[norms[name]] if name in norms else number
        layer = watch.layer_of(number)
        if layer is None or not layer.sites or not layer.linear:
            continue
        other = _other_summand(watch, last)
        if other is not None and other < number:
            found[name] = other
            found.update({norms[name]: other} if name in norms else {})
    return found


def _other_summand(watch: _Watch, number: int) -> int | None:
    """What made the tensor that is added to an operation's result, where that sum is all that becomes of it."""
    takers = watch.takers.get(number, [])
    if len(takers) != 1 or not watch.operations[takers[0]].sums:
        return None
    sources = watch.sources[takers[0]]
    return next((s for s in sources if s is not None and s != number), None) if len(sources) == 2 else None


class Carried:
    """Keeps the results of some operations of a run until every layer that wants one has taken it."""

    def __init__(self, carriers: Mapping[str, int]) -> None:
        self._numbers = carriers
        self._left = Counter(carriers.values())
        self._results: dict[int, Any] = {}
        self._count = 0

    def __call__(self, operation: Operation) -> None:
        if self._left[self._count]:
            self._results[self._count] = operation.results[0]
        self._count += 1

    def take(self, layer: str) -> Any | None:
        """What will be added to the layer's output, or None; each layer asks once."""
        number = self._numbers.get(layer)
        if number is None:
            return None
        self._left[number] -= 1
        kept = self._left[number] > 0
        return self._results.get(number) if kept else self._results.pop(number, None)
