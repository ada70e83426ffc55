"""How long the values of a graph live."""

from __future__ import annotations

from .graph import Graph


def last_uses(graph: Graph) -> dict[int, list[int]]:
    """Number of the value being made -> values that nothing needs any more after it."""
    last = {value: len(graph.inputs) + i for i, layer in enumerate(graph.layers) for value in layer.inputs}
    # A result that no layer takes dies as soon as it is made.
    made = range(len(graph.inputs), len(graph.inputs) + len(graph.layers))
    last = {value: value for value in made} | last
    dies: dict[int, list[int]] = {}
    for value, when in last.items():
        if value not in graph.outputs:
            dies.setdefault(when, []).append(value)
    return dies
