"""The manifest: literal bytes, and every way in which one is refused."""

import json

import pytest

from wcodec.errors import FeedError
from wcodec.feed import Entry, Manifest, Version

A, B = "a" * 64, "b" * 64
ONE = Version(1, A, Entry("1-aaaaaaaa.wcz", 72, B), None)
TWO = Version(2, B, Entry("2-bbbbbbbb.wcz", 80, A), Entry("2-bbbbbbbb.delta.wcz", 9, A))


def test_bytes() -> None:
    data = Manifest((ONE, TWO)).to_bytes()
    assert data.decode() == (
        '{"format":"wcz-feed 1","versions":['
        f'[1,"{A}",["1-aaaaaaaa.wcz",72,"{B}"],null],'
        f'[2,"{B}",["2-bbbbbbbb.wcz",80,"{A}"],["2-bbbbbbbb.delta.wcz",9,"{A}"]]]}}\n'
    )
    assert Manifest.from_bytes(data) == Manifest((ONE, TWO))


def test_the_route_takes_the_deltas_after_the_device_s_version() -> None:
    manifest = Manifest((ONE, TWO))
    assert manifest.route(A) == (TWO,)
    assert manifest.route(B) == ()
    assert manifest.route("c" * 64) is None
    assert manifest.route(None) is None


def test_no_version() -> None:
    with pytest.raises(FeedError, match="no version yet"):
        _ = Manifest().newest


def test_only_the_newest_keeps_its_whole_model() -> None:
    manifest = Manifest((ONE,)).followed_by(TWO, keep=2)
    assert manifest.versions == (ONE._replace(model=None), TWO)
    assert manifest.model == TWO.model
    assert manifest.followed_by(TWO._replace(number=3), keep=1).versions == (TWO._replace(number=3),)
    with pytest.raises(FeedError, match="no whole model"):
        _ = Manifest((ONE._replace(model=None),)).model


def rows(*versions: object) -> object:
    return {"format": "wcz-feed 1", "versions": list(versions)}


FILE = ["1.wcz", 72, B]


@pytest.mark.parametrize(
    ("fields", "rule"),
    [
        ([], "does not say"),
        ({"format": "wcz-feed 2", "versions": []}, "does not say"),
        ({"format": "wcz-feed 1"}, "other fields"),
        ({"format": "wcz-feed 1", "versions": {}}, "other fields"),
        ({**rows(), "more": 1}, "other fields"),
        (rows([1, A, FILE]), "list of four"),
        (rows([True, A, FILE, None]), "version number True"),
        (rows([-1, A, FILE, None]), "version number -1"),
        (rows([1.0, A, FILE, None]), "version number 1.0"),
        (rows([2**53, A, FILE, None]), "version number"),
        (rows([1, A.upper(), FILE, None]), "no model digest"),
        (rows([1, A + "\n", FILE, None]), "no model digest"),
        (rows([1, 7, FILE, None]), "no model digest"),
        (rows([1, A, 3, None]), "list of three"),
        (rows([1, A, ["../1.wcz", 72, B], None]), "plain name"),
        (rows([1, A, ["a/1.wcz", 72, B], None]), "plain name"),
        (rows([1, A, [".hidden", 72, B], None]), "plain name"),
        (rows([1, A, ["http://x", 72, B], None]), "plain name"),
        (rows([1, A, ["x\n", 72, B], None]), "plain name"),
        (rows([1, A, ["", 72, B], None]), "plain name"),
        (rows([1, A, ["x" * 129, 72, B], None]), "plain name"),
        (rows([1, A, ["1.wcz", -1, B], None]), "without size"),
        (rows([1, A, ["1.wcz", 72, "b"], None]), "without size"),
        (rows([1, A, FILE, [1, 2, 3]]), "plain name"),
        (rows([1, A, FILE, None], [3, A, FILE, None]), "version 3 follows version 1"),
        (rows([1, A, FILE, None], [1, A, FILE, None]), "version 1 follows version 1"),
    ],
)
def test_refused(fields: object, rule: str) -> None:
    with pytest.raises(FeedError, match=rule):
        Manifest.from_bytes(json.dumps(fields).encode())


@pytest.mark.parametrize("data", [b"", b"\xff", b"{", b"[" * 100_000, b"1e999"])
def test_no_json(data: bytes) -> None:
    with pytest.raises(FeedError):
        Manifest.from_bytes(data)
