"""The graph chunk: literal bytes, the table of the spec, and everything that is not a graph."""

import re
from pathlib import Path

import msgpack
import pytest

from wcodec.errors import GraphError, UnknownOpError
from wcodec.runtime import OPS, Graph, Layer

SPEC = (Path(__file__).parents[2] / "format_spec" / "graph.md").read_text()

EXAMPLE = Graph(
    inputs=((28, 28, 1),),
    layers=(
        Layer("conv", (0,), {"strides": 2, "padding": "same"}, {"kernel": 0, "bias": 1}),
        Layer("relu", (1,)),
        Layer("conv", (2,), {"strides": 2, "padding": "same"}, {"kernel": 2, "bias": 3}),
        Layer("add", (3, 2)),
        Layer("flatten", (4,)),
        Layer("dense", (5,), {}, {"kernel": 4}),
    ),
    outputs=(6,),
)


def example_bytes() -> bytes:
    lines = SPEC.partition("## 7. Example")[2].splitlines()
    code = [re.match(r" {4} *((?:[0-9a-f]{2} )*[0-9a-f]{2})(?:  |$)", line) for line in lines]
    return bytes.fromhex("".join(match[1] for match in code if match))


def test_the_example_of_the_spec_is_these_bytes() -> None:
    packed = bytes.fromhex("820091931c1c010196920182000201012092018200020101930d809201020892 0081ff02")
    assert msgpack.packb(EXAMPLE.to_wire()) == packed == example_bytes()
    assert Graph.from_wire(msgpack.unpackb(packed, strict_map_key=False)) == EXAMPLE


def test_the_table_of_the_spec_is_the_registry() -> None:
    rows = re.findall(r"^\| (\w+) \| (\d+) \| (\d+)(?:(\.\.)(\d*))? \| (.*?) ?\| ?(.*?) ?\|$", SPEC, re.MULTILINE)
    assert [row[0] for row in rows] == list(OPS)
    for name, number, fewest, more, most, params, tensors in rows:
        op = OPS[name]
        assert op.number == int(number)
        assert op.inputs == (int(fewest), int(most or 255) if more else int(fewest))
        assert re.findall(r"(\w+) (?:=|!)", params) == list(op.params), name
        for parameter, default in re.findall(r"(\w+) = ([^,]+)", params):
            known = op.params[parameter].default
            known = f"({' '.join(map(str, known))})" if isinstance(known, tuple) else known
            assert (str(known).lower() if isinstance(known, bool) else str(known)) in (
                default.strip(),
                default.strip() + ".0",
            )
        assert tuple(t.rstrip("?") for t in tensors.split()) == op.tensors
        assert {t.rstrip("?") for t in tensors.split() if t.endswith("?")} == op.optional


def test_numbers_of_ops_are_unique() -> None:
    assert len({op.number for op in OPS.values()}) == len(OPS)


def test_shared_tensors_several_inputs_and_outputs_come_back() -> None:
    graph = Graph(
        inputs=((-1, 3), (4,)),
        layers=(
            Layer("dense", (0,), {}, {"kernel": 2, "bias": 0}),
            Layer("dense", (2,), {}, {"kernel": 2, "bias": 0}),
            Layer("batch_norm", (1,), {"epsilon": 1e-5, "axis": 1}, {"beta": 1, "mean": 2, "variance": 3}),
            Layer("rescale", (3,), {"scale": (0.5, 2.0)}),
            Layer("max_pool", (0,), {"size": (2, 3), "strides": 1}),
            Layer("reshape", (1,), {"shape": (-1, 2)}),
        ),
        outputs=(4, 7, 0),
    )
    wire = graph.to_wire()
    assert wire[1][0] == [0, {}, [2], [2, 0]]
    assert wire[1][2] == [3, {0: 1e-5, 1: 1, -1: 1}, [3]]
    assert wire[2] == [4, 7, 0]
    assert Graph.from_wire(msgpack.unpackb(msgpack.packb(wire), strict_map_key=False)) == graph


def test_equal_numbers_for_all_axes_are_one_number() -> None:
    layer = Layer("conv", (0,), {"strides": (2, 2), "dilation": (1, 1)}, {"kernel": 0})
    assert Graph(((8, 8, 1),), (layer,), (1,)).to_wire()[1] == [[1, {0: 2, -1: 2}]]


def test_a_required_parameter_is_required() -> None:
    with pytest.raises(GraphError, match="reshape needs the parameter 'shape'"):
        Graph(((4,),), (Layer("reshape", (0,)),), (1,)).to_wire()


MALFORMED = [
    (None, "a graph is a map"),
    ({0: [[1]]}, "a graph is a map"),
    ({0: [[1]], 1: [], 7: 0}, "a graph is a map"),
    ({0: [[1]], 1: 3}, "the layers are a list"),
    ({0: [], 1: []}, "not among the 0 values"),
    ({0: [[1]], 1: [], 2: [1]}, "not among the 1 values"),
    ({0: [[1]], 1: [], 2: []}, "not among the 1 values"),
    ({0: [[-2]], 1: []}, "not the shape of an input"),
    ({0: [[1.5]], 1: []}, "not the shape of an input"),
    ({0: [[1] * 33], 1: []}, "not the shape of an input"),
    ({0: [[1]], 1: [True]}, "no op has number True"),
    ({0: [[1]], 1: [[]]}, "1 to 4 fields"),
    ({0: [[1]], 1: [[0, {}, [1], [0, 1], 0]]}, "1 to 4 fields"),
    ({0: [[1]], 1: [[0, 5]]}, "parameters of a layer are a map"),
    ({0: [[1]], 1: [[0, {0: 1}]]}, "no parameter 0"),
    ({0: [[1]], 1: [[1, {0: 0}]]}, "not an integer in 1..65535"),
    ({0: [[1]], 1: [[1, {0: True}]]}, "not an integer"),
    ({0: [[1]], 1: [[1, {1: 3}]]}, "not an integer in 0..2"),
    ({0: [[1]], 1: [[3, {0: float("nan")}]]}, "not a finite number"),
    ({0: [[1]], 1: [[6, {0: 1}]]}, "not a truth value"),
    ({0: [[1]], 1: [[9, {}]]}, "'shape' is missing"),
    ({0: [[1]], 1: [[9, {0: 4}]]}, "not a list of integers"),
    ({0: [[1]], 1: [[0, {-1: 1}]]}, "does not name optional tensors"),
    ({0: [[1]], 1: [[0, {-1: -1}]]}, "does not name optional tensors"),
    ({0: [[1]], 1: [[0, {}, [0]]]}, "takes 1 to 1 values from before it"),
    ({0: [[1]], 1: [[0, {}, [2]]]}, "takes 1 to 1 values from before it"),
    ({0: [[1]], 1: [[13, {}, [1]]]}, "takes 2 to 255 values"),
    ({0: [[1]], 1: [[0, {}, 1]]}, "the inputs of a layer are a list"),
    ({0: [[1]], 1: [[0, {}, [1], [0]]]}, "takes the tensors"),
    ({0: [[1]], 1: [[0, {}, [1], [0, -1]]]}, "takes the tensors"),
]


@pytest.mark.parametrize(("wire", "rule"), MALFORMED)
def test_what_is_not_a_graph_is_refused(wire: object, rule: str) -> None:
    with pytest.raises(GraphError, match=re.escape(rule)) as caught:
        Graph.from_wire(wire)
    assert caught.value.code == 27


def test_an_op_that_the_runtime_lacks_is_named_with_its_layer() -> None:
    with pytest.raises(UnknownOpError, match="layer 1 of the graph: this runtime has no op of number 99") as caught:
        Graph.from_wire({0: [[1]], 1: [32, 99]})
    assert caught.value.code == 28
