"""Messages of a federation: the vectors hold, and the tables of the text are those of the code."""

import json
import re
from pathlib import Path

import pytest

from wcodec.coders.reference import temporal_model
from wcodec.errors import WczError
from wcodec.rounds import Follower
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
