"""Golden networks: the runtime makes of their inputs what they say, and every op is in one of them."""

import json
from pathlib import Path

import numpy as np
import pytest

from wcodec.runtime import OPS, Runner

GRAPHS = sorted((Path(__file__).parents[2] / "format_spec" / "vectors" / "graph").glob("*.wcz"))


def arrays(rows):
    return [np.frombuffer(bytes.fromhex(digits), "<f4").reshape(shape) for shape, digits in rows]


@pytest.mark.parametrize("path", GRAPHS, ids=lambda p: p.stem)
def test_the_runtime_computes_the_outputs_of_the_vector(path):
    expected = json.loads(path.with_suffix(".json").read_text())
    inputs, outputs = arrays(expected["inputs"]), arrays(expected["outputs"])
    with Runner(path, memory_budget=1 << 28) as runner:
        found = runner.predict(inputs if len(inputs) > 1 else inputs[0])
    found = found if isinstance(found, list) else [found]
    assert [y.shape for y in found] == [y.shape for y in outputs]
    for ours, theirs in zip(found, outputs, strict=True):
        assert np.abs(ours - theirs).max() <= expected["tolerance"]
        assert np.abs(theirs).max() < 32
        assert np.ptp(theirs) > 0.1  # it says something


def test_every_op_is_in_a_vector():
    seen = set()
    for path in GRAPHS:
        with Runner(path) as runner:
            seen |= {layer.op for layer in runner.graph.layers}
    assert seen == set(OPS)
