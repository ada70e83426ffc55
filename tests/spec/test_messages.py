"""Messages of a federation: the vectors hold, and the tables of the text are those of the code."""

import ast
import importlib
import json
import re
import sys
from pathlib import Path

import numpy as np
import pytest

from wcodec.coders.reference import temporal_model
from wcodec.errors import WczError
from wcodec.rounds import Broadcaster, Follower, Plan, Rate
from wcodec.rounds.lattice import step

SPEC = Path(__file__).parents[2] / "format_spec"
VECTORS = sorted((SPEC / "vectors" / "messages").glob("*.json"))


def steps_of(path: Path) -> list[list]:
    table = json.loads(path.read_text())
    return [table[str(i)] for i in range(len(table) - 1)]


@pytest.mark.parametrize("path", VECTORS, ids=lambda p: p.stem)
def test_clients_take_the_packets_of_the_vector(path: Path) -> None:
    clients: dict[int, Follower] = {}
    for name, what, data, found in steps_of(path):
        client = clients.setdefault(name, Follower())
        if what == "update":
            assert client.model.base().hex() == found
            client.own = None  # this client does not train: it has no updates to remember
        elif isinstance(found, int):
            with pytest.raises(WczError) as caught:
                client.receive(bytes.fromhex(data))
            assert caught.value.code == found
        else:
            client.receive(bytes.fromhex(data))
            assert client.model.base().hex() == found


@pytest.mark.parametrize("path", VECTORS, ids=lambda p: p.stem)
def test_the_reference_takes_the_vector(path: Path, reference_messages) -> None:
    steps = steps_of(path)
    assert list(reference_messages.play(steps)) == [(what, found) for _, what, _, found in steps]


def test_the_reference_plays_a_vector_as_a_program(reference_messages, capsys) -> None:
    main = importlib.import_module(f"{reference_messages.__name__}.__main__").main
    main(str(SPEC / "vectors" / "messages" / "refusals.json"))
    assert capsys.readouterr().out.splitlines()[:4] == [
        "packet: f1c50132", "update: f1c50132", "packet: error 13", "packet: error 16",
    ]  # fmt: skip


def test_the_reference_imports_nothing_of_the_package() -> None:
    trees = [ast.parse(path.read_text()) for path in (SPEC / "reference_messages").glob("*.py")]
    nodes = [node for tree in trees for node in ast.walk(tree)]
    imported = {alias.name for node in nodes if isinstance(node, ast.Import) for alias in node.names}
    imported |= {node.module for node in nodes if isinstance(node, ast.ImportFrom) and not node.level}
    roots = {name.partition(".")[0] for name in imported}
    assert roots - set(sys.stdlib_module_names) == {"numpy", "reference_decoder"}


def moving(arrays: dict[str, np.ndarray], rng: np.random.Generator) -> dict[str, np.ndarray]:
    """A model after some training: weights move little, some a lot, and a step is counted."""
    moves = {name: rng.standard_t(1.5, a.shape) * 0.01 for name, a in arrays.items()}
    return {n: a + moves[n] if a.dtype.kind == "f" else a + 1 for n, a in arrays.items()}


@pytest.mark.parametrize("coarseness", [0.05, 3.0])
def test_the_reference_holds_what_both_ends_hold(coarseness: float, reference_messages) -> None:
    """Six rounds, with one client that misses some, another that keeps no memory, and float64 so nothing rounds."""
    rng = np.random.default_rng(int(coarseness * 20))
    shapes = {"conv": (2, 3, 3, 3), "dense": (8, 14), "bias": (8,), "norm.running_mean": (5,), "none": (0, 3)}
    arrays = {name: rng.normal(0, 0.1, shape) for name, shape in shapes.items()} | {"steps": np.array([7, 9])}
    server = Broadcaster(Plan(rate=Rate(coarseness), frame_fraction=0.01, replay=1))
    followers = {1: Follower(), 2: Follower(), 3: Follower(keep_own_memory=False)}
    references = {name: reference_messages.Client() for name in followers}
    present = {1: [1, 3], 2: [1, 3], 3: [1, 3]}
    kinds = set()
    for number in range(6):
        server.publish(moving(arrays, rng) if number else arrays, present.get(number, list(followers)))
        arrays = server.adopt()
        for name in present.get(number, followers):
            packet = server.packet(name)
            trained = moving(followers[name].receive(packet), rng)
            references[name].receive(packet)
            server.arrived(name)
            for key, array in references[name].model.arrays().items():
                np.testing.assert_array_equal(array, arrays[key])
            update = followers[name].update(trained, Rate(coarseness))
            moved = references[name].read_update(update).arrays()
            for key, array in server.receive(name, update).items():
                np.testing.assert_array_equal(moved[key], array)
            kinds |= {part[1] for part in (packet[2:], update) if part[:1] == b"\xde"}
    assert {kind & 3 for kind in kinds} == {0, 1, 2}
    assert any(kind & 8 for kind in kinds)


def test_the_vectors_refuse_with_every_number_of_a_message() -> None:
    refused = {found for path in VECTORS for _, _, _, found in steps_of(path) if isinstance(found, int)}
    assert refused == {13, 14, 16}


def test_the_text_has_the_tables_of_the_code() -> None:
    text = (SPEC / "messages.md").read_text()
    for name, table in (("L", temporal_model.LOG_MANTISSA), ("P", temporal_model.POWERS)):
        block = re.search(rf"^    {name}\n((?: {{8}}[\d ]+\n)+)", text, re.MULTILINE)
        assert block is not None
        assert tuple(map(int, block[1].split())) == tuple(table)
    assert tuple(round(65536 * 2 ** (-i / 64)) for i in range(65)) == tuple(temporal_model.POWERS)
    assert step(0) == 4 * 2.0**-44


def test_the_text_has_the_constants_of_the_code() -> None:
    text = " ".join((SPEC / "messages.md").read_text().split())
    for phrase in (
        f"raised to -{temporal_model.MAX_ODDS} or lowered to {temporal_model.MAX_ODDS}",
        f"for the constant x = {temporal_model.BIAS}",
        "m(q) = min(|q|, 15)",
        "Up to 64 parts",
        "512 + 1024 max(B, O)",
    ):
        assert phrase in text
