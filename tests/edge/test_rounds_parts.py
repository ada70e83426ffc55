"""The parts of a round: packets, options, steps, sums and roundings."""

import math
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest

from tests.networks import two_layers as network
from wcodec.errors import MessageError, OptionError, WczError
from wcodec.rounds import Broadcaster, Follower, Plan, Rate, Role, Rounding, Schema
from wcodec.rounds.lattice import MAX_SYMBOL, Model, nearest_index, step
from wcodec.rounds.message import pack_packet
from wcodec.rounds.rounding import uniforms
from wcodec.rounds.schema import rounded_log2, rows_and_columns
from wcodec.rounds.sender import quantize

RATE = Rate(4.0)
GOLDEN_UNIFORMS = [12376646, 6249979, 289497, 13969041]


def trained(seed: int, *, moves_only: bool = False) -> dict[str, np.ndarray]:
    """The network after a round of training, or only what that changed; some weights move much more than others."""
    rng = np.random.default_rng(seed)
    moves = {name: (0.01 * rng.standard_t(2, a.shape)).astype(np.float32) for name, a in network().items()}
    return moves if moves_only else {name: array + moves[name] for name, array in network().items()}


def test_packets_that_are_none_are_refused() -> None:
    for bad in (
        b"",
        b"\0",
        b"\0\1",
        b"\0\1\5ab",
        b"\0\xff\xff\xff\xff\xff\xff",
        b"\0\x80\0",
        pack_packet(0, [b"x"] * 65),
    ):
        with pytest.raises(MessageError):
            Follower().receive(bad)
    with pytest.raises(WczError):
        Follower().receive(pack_packet(0, [b"\x89WCZ\r\n\0\1"]))


def test_options_without_meaning_are_refused() -> None:
    for make in (
        lambda: Rate(0.0), lambda: Rate(4.0, -1.0), lambda: Rate(rounding=Rounding("other")),
        lambda: Rate(rounding=Rounding("stochastic")),
    ):  # fmt: skip
        with pytest.raises(OptionError):
            make()


# -- arithmetic ------------------------------------------------------------------------------------------------------


def test_steps_are_exact_products() -> None:
    assert [step(i) for i in (0, 1, 3, 4, 176)] == [2.0**-42, 1.25 * 2.0**-42, 1.75 * 2.0**-42, 2.0**-41, 4.0]
    for i in range(256):
        product = np.float32(MAX_SYMBOL - 1) * np.float32(step(i))
        assert float(product) == (MAX_SYMBOL - 1) * step(i)
        assert nearest_index(step(i)) == i
        assert nearest_index(step(i) * 1.05) == i
    assert nearest_index(0.0) == 0
    assert nearest_index(math.inf) == 255


def test_sums_do_not_depend_on_their_order() -> None:
    rng = np.random.default_rng(0)
    schema = Schema.of(network())
    model = Model.from_arrays(schema, 0, network())
    differences = [
        quantize(tuple(v * 10.0 ** rng.uniform(-4, 0) for v in schema.split(trained(s))), model, RATE)[0]
        for s in range(30)
    ]
    forward, backward = model, model
    for d in differences:
        forward = forward.moved(forward.values(d), 1)
    for d in reversed(differences):
        backward = backward.moved(backward.values(d), 1)
    assert forward.base() == backward.base()


def test_steps_follow_the_sizes_of_tensors() -> None:
    assert Schema.of(network()).step_offsets == [-3, 0, -6]  # 216, 2400 and 40 weights
    assert [rounded_log2(65536, n) for n in (65536, 12800, 400, 1280, 10, 128, 16)] == [0, 2, 7, 6, 13, 9, 12]
    assert rounded_log2(3, 2) == 1
    assert rounded_log2(7, 5) == 0
    assert rows_and_columns((16, 3, 5, 5)) == (48, 25)
    assert rows_and_columns((5, 5, 16, 32)) == (25 * 16, 32)
    assert rows_and_columns((7,)) == (1, 7)
    assert rows_and_columns(()) == (1, 1)


def test_the_generator_of_stochastic_rounding_is_fixed() -> None:
    numbers = uniforms(7, 4) * 2**24
    assert numbers.astype(int).tolist() == GOLDEN_UNIFORMS
    assert np.abs(uniforms(1, 100_000).mean() - 0.5) < 0.005


@pytest.mark.parametrize(
    "rounding", [Rounding("stochastic", seed=3), Rounding("ternary", share=0.05), Rounding("power_law", weight=0.2)]
)
def test_other_roundings(rounding: Rounding) -> None:
    rate = Rate(3.0, rounding=rounding, feedback=rounding.kind != "stochastic")
    schema = Schema.of(network())
    model = Model.from_arrays(schema, 0, network())
    vectors = schema.split(trained(5, moves_only=True))
    difference, left = quantize(vectors, model, rate, 1)
    assert quantize(vectors, model, rate, 1)[0].weights.tobytes() == difference.weights.tobytes()
    if rounding.kind == "ternary":
        assert set(np.unique(difference.weights)) == {-1, 0, 1}
        assert np.count_nonzero(difference.weights) == int(0.05 * vectors[0].size)
    if rounding.kind == "power_law":
        plain = quantize(vectors, model, Rate(3.0), 1)[0]
        assert 0 < np.count_nonzero(difference.weights) < np.count_nonzero(plain.weights)
    if rounding.kind == "stochastic":
        sums = sum(quantize(vectors, model, rate, s)[0].weights for s in range(400)) / 400
        exact = vectors[0].copy()
        for span, index in zip(schema.spans(Role.WEIGHT), model.weight_indices(difference.step_index), strict=True):
            exact[span] /= step(index)
        assert np.abs(sums - exact).mean() < 0.05
        assert not left.any()


@pytest.mark.parametrize(
    "option", [{"keep": 0}, {"replay": -1}, {"frame_fraction": -1.0}, {"max_growth": 0}, {"frame_every": -1}]
)
def test_a_plan_without_meaning_is_refused(option: dict[str, float]) -> None:
    with pytest.raises(OptionError, match="^numbers of a plan are 0 or more, keep is 1 or more, max_growth above 0$"):
        Plan(**option)


def test_updates_of_a_round_may_be_decoded_at_once() -> None:
    """Threads give what one update after the other gives, and a bad update costs its sender alone."""
    servers, clients = [Broadcaster(), Broadcaster()], [Follower() for _ in range(6)]
    models = [network(), network()]
    rng = np.random.default_rng(2)
    for _ in range(3):
        updates = {}
        for server, model in zip(servers, models, strict=True):
            server.publish(model, range(6))
        for name, client in enumerate(clients):
            packets = {server.packet(name) for server in servers}
            assert len(packets) == 1
            arrays = client.receive(packets.pop())
            moved = {k: (a + 0.01 * rng.standard_t(2, a.shape)).astype(a.dtype) for k, a in arrays.items()}
            updates[name] = client.update(moved, Rate())
            for server in servers:
                server.arrived(name)
        updates[4] = updates[4][:-1]
        with ThreadPoolExecutor(4) as pool:
            received = [servers[0].receive_all(updates), servers[1].receive_all(updates, pool)]
        assert [list(r) for r in received] == [[0, 1, 2, 3, 4, 5]] * 2
        assert all(isinstance(r.pop(4), MessageError) for r in received)
        for one, other in zip(received[0].values(), received[1].values(), strict=True):
            assert all(one[k].tobytes() == other[k].tobytes() for k in one)
        models = [{k: np.mean([r[k] for r in of.values()], axis=0) for k in models[0]} for of in received]
    assert servers[0].model.base() == servers[1].model.base()
