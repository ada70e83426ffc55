"""Rounds of a federation: both ends hold the same model, messages are small, late joiners catch up exactly."""

from collections.abc import Iterator

import numpy as np
import pytest

from tests.networks import two_layers as network
from wcodec.errors import (
    BaseMismatchError,
    BaseMissingError,
    MessageError,
    NonFiniteError,
    UpdateError,
    WczError,
)
from wcodec.rounds import Broadcaster, Follower, Plan, Rate, Role
from wcodec.rounds.message import Kind, parse, unpack_packet

RATE = Rate(4.0)
GOLDEN_UPDATE = (54, "de0d007cc8a9aa317ae6c69f")
GOLDEN_PACKET = (56, "0200de04007cc8a9aaa5fbffa79c")


def batch_norm(seed: int = 0) -> dict[str, np.ndarray]:
    return {
        **network(seed),
        "bn.running_mean": np.zeros(8, np.float32),
        "bn.running_var": np.full(8, 5000, np.float32),
        "bn.num_batches_tracked": np.array(0, np.int64),
    }


def trained(arrays: dict[str, np.ndarray], seed: int, size: float = 0.01) -> dict[str, np.ndarray]:
    """What a round of training might make of a model; some weights move much more than others."""
    rng = np.random.default_rng(seed)
    new = {}
    for name, array in arrays.items():
        if array.dtype.kind == "f":
            scale = size * (100 if "running" in name else 1)
            new[name] = (array + scale * rng.standard_t(2, array.shape)).astype(array.dtype)
        else:
            new[name] = array + 50
    return new


def mean(models: list[dict[str, np.ndarray]]) -> dict[str, np.ndarray]:
    return {name: np.mean([m[name] for m in models], axis=0) for name in models[0]}


def play(server: Broadcaster, clients: dict[int, Follower], model: dict[str, np.ndarray], rounds: range) -> Iterator:
    """Rounds in which every client takes part; yields the number of each when all hold its version."""
    for number in rounds:
        server.publish(model, clients)
        replies = []
        for name, client in clients.items():
            arrays = client.receive(server.packet(name))
            server.arrived(name)
            update = client.update(trained(arrays, 1000 * number + name), RATE)
            replies.append(server.receive(name, update))
        model = mean(replies)
        yield number


def assert_same(found: dict[str, np.ndarray], wanted: dict[str, np.ndarray]) -> None:
    for name, array in wanted.items():
        assert found[name].dtype == array.dtype
        assert found[name].tobytes() == array.tobytes(), name


@pytest.mark.parametrize("make", [network, batch_norm])
def test_clients_hold_bit_for_bit_what_the_server_thinks_they_hold(make) -> None:
    server, clients = Broadcaster(), {1: Follower(), 2: Follower()}
    for _ in play(server, clients, make(), range(6)):
        for client in clients.values():
            assert client.model.base() == server.model.base()
            assert_same(client.model.arrays(), server.model.arrays())
    assert server.model.version == 5
    assert server.frames == 1
    for name, array in server.published.items():
        close = 0.2 * max(float(np.abs(array).max()), 0.1)
        np.testing.assert_allclose(server.model.arrays()[name], array, atol=close)


def test_statistics_of_normalization_travel_in_8_bits_and_counters_exactly() -> None:
    server, clients = Broadcaster(), {1: Follower()}
    list(play(server, clients, batch_norm(), range(5)))
    schema = server.model.schema
    assert [t.role for t in schema.tensors] == [Role.WEIGHT] * 3 + [Role.BUFFER] * 2 + [Role.EXACT]
    assert int(server.model.arrays()["bn.num_batches_tracked"]) == 200
    held, wanted = server.model.arrays()["bn.running_var"], server.published["bn.running_var"]
    assert np.abs(held - wanted).max() < 0.02 * np.abs(wanted - 5000).max()


def test_what_rounding_leaves_over_is_kept() -> None:
    """The sum of all updates and the residual are the sum of all differences: nothing is lost."""
    server, client = Broadcaster(), Follower()
    server.publish(network())
    client.receive(server.packet(0))
    moved = {name: np.zeros(a.shape) for name, a in network().items()}
    sent = {name: np.zeros(a.shape) for name, a in network().items()}
    for seed in range(8):
        start = client.model.arrays()
        new = trained(start, seed)
        reply = server.receive(0, client.update(new, Rate(5.0)))
        client.receive(server.packet(0))
        for name in moved:
            moved[name] += new[name].astype(np.float64) - start[name]
            sent[name] += reply[name].astype(np.float64) - server.published[name]
    residual, at = client.state()["residual"], 0
    for name in moved:
        part = residual[at : at + moved[name].size].reshape(moved[name].shape)
        np.testing.assert_allclose(sent[name] + part, moved[name], atol=1e-6)
        at += moved[name].size
    assert np.abs(residual).max() > 0.01


def test_without_feedback_nothing_is_kept() -> None:
    server, client = Broadcaster(), Follower()
    server.publish(network())
    client.receive(server.packet(0))
    client.update(trained(network(), 1), Rate(5.0, feedback=False))
    assert not client.state()["residual"].any()


def test_messages_of_a_round_are_golden() -> None:
    server, client = Broadcaster(), Follower()
    server.publish(network())
    client.receive(server.packet(7))
    server.arrived(7)
    update = client.update(trained(client.model.arrays(), 3), Rate(6.0))
    server.publish(server.receive(7, update), [7])
    packet = server.packet(7)
    assert (len(update), update[:12].hex()) == GOLDEN_UPDATE
    assert (len(packet), packet[:14].hex()) == GOLDEN_PACKET


def test_a_header_has_at_most_24_bytes_and_an_idle_round_a_dozen() -> None:
    server, client = Broadcaster(Plan(frame_fraction=0)), Follower()
    server.publish(network())
    arrays = client.receive(server.packet(0))
    server.arrived(0)
    idle = client.update(arrays, RATE)
    assert len(idle) == 11
    server.publish(server.receive(0, idle), [0])
    assert len(server.packet(0)) == 13
    _, rest, nbytes = parse(idle)
    assert nbytes + 4 == 11
    assert len(rest) == 4


@pytest.mark.parametrize("missed", [1, 2, 5, 20])
@pytest.mark.parametrize("make", [network, batch_norm])
def test_missed_rounds_come_as_one_exact_sum(make, missed: int) -> None:
    server, clients = Broadcaster(Plan(replay=0)), {1: Follower()}
    late = Follower()
    rounds = play(server, clients, make(), range(missed + 1))
    next(rounds)
    late.receive(server.packet(9))
    server.arrived(9)
    assert list(rounds) == list(range(1, missed + 1))
    packet = server.packet(9)
    assert len(packet) < len(server.packet(77)) / 2  # one who holds nothing gets the frame too
    late.receive(packet)
    assert late.model.base() == server.model.base()
    assert len(unpack_packet(packet)[1]) == 1
    assert parse(unpack_packet(packet)[1][0])[0].rounds == missed


def test_a_late_joiner_gets_the_frame_and_a_sum() -> None:
    server, clients = Broadcaster(), {1: Follower()}
    list(play(server, clients, batch_norm(), range(8)))
    late = Follower()
    packet = server.packet(5)
    late.receive(packet)
    frame, total = unpack_packet(packet)[1]
    assert len(total) < len(frame)
    assert late.model.base() == server.model.base()


def test_a_joiner_later_than_the_history_gets_the_same_model() -> None:
    server, clients = Broadcaster(Plan(keep=3)), {1: Follower()}
    list(play(server, clients, batch_norm(), range(10)))
    late = Follower()
    late.receive(server.packet(5))
    assert late.model.base() == server.model.base()
    server.arrived(5)
    clients[5] = late
    list(play(server, clients, server.published, range(10, 12)))
    assert late.model.base() == server.model.base()


def test_a_client_that_missed_two_rounds_keeps_its_memory() -> None:
    server, clients = Broadcaster(), {1: Follower(), 2: Follower()}
    list(play(server, clients, network(), range(3)))
    list(play(server, {1: clients[1]}, server.published, range(3, 5)))
    packet = server.packet(2)
    assert [parse(b)[0].kind for b in unpack_packet(packet)[1]] == [Kind.BROADCAST] * 2
    clients[2].receive(packet)
    assert clients[2].heard is not None
    assert clients[2].model.base() == server.model.base()


def test_memories_start_anew_for_those_who_lack_them() -> None:
    server, clients = Broadcaster(Plan(reset_every=4)), {1: Follower()}
    list(play(server, clients, network(), range(3)))
    clients[2] = Follower()
    lacking = [clients[2].heard is None for _ in play(server, clients, server.published, range(3, 9))]
    assert lacking[0]
    assert not lacking[-1]
    assert clients[1].model.base() == clients[2].model.base() == server.model.base()


def test_half_of_the_clients_without_memory_make_all_start_anew() -> None:
    server, clients = Broadcaster(), {1: Follower()}
    list(play(server, clients, network(), range(3)))
    clients |= {2: Follower(), 3: Follower()}
    list(play(server, clients, server.published, range(3, 6)))
    assert all(c.heard is not None for c in clients.values())


def test_a_new_frame_every_so_many_versions() -> None:
    server, clients = Broadcaster(Plan(frame_every=3)), {1: Follower()}
    for _ in play(server, clients, network(), range(8)):
        assert clients[1].model.base() == server.model.base()
    assert server.frames == 3


def test_the_state_of_a_client_can_be_kept_and_restored() -> None:
    server, clients = Broadcaster(), {1: Follower()}
    list(play(server, clients, batch_norm(), range(4)))
    kept = {name: array.copy() for name, array in clients[1].state().items()}
    schema = clients[1].model.schema
    twin = Follower()
    twin.restore(schema, kept)
    assert twin.model.base() == clients[1].model.base()
    server.publish(trained(server.published, 9, 0.001), [1])
    packet = server.packet(1)
    arrays = twin.receive(packet)
    assert_same(arrays, clients[1].receive(packet))
    new = trained(arrays, 4)
    assert twin.update(new, RATE) == clients[1].update(new, RATE)


def test_memory_makes_later_messages_smaller() -> None:
    sizes = {}
    for keep in (True, False):
        server, client = Broadcaster(Plan(client_memories=256 if keep else 0)), Follower(keep_own_memory=keep)
        hot = np.random.default_rng(0).random((40, 60)) < 0.05
        model, total = network(), 0
        for number in range(12):
            server.publish(model, [1])
            packet = server.packet(1)
            arrays = client.receive(packet)
            server.arrived(1)
            moved = {**arrays, "fc.weight": arrays["fc.weight"] + trained(arrays, number)["fc.weight"] * hot}
            update = client.update({k: v.astype(np.float32) for k, v in moved.items()}, RATE)
            model = server.receive(1, update)
            total += len(update) if number > 4 else 0
        sizes[keep] = total
    assert sizes[True] < sizes[False]


# -- what is refused -------------------------------------------------------------------------------------------------


def ready() -> tuple[Broadcaster, Follower]:
    server, clients = Broadcaster(), {1: Follower()}
    list(play(server, clients, network(), range(3)))
    return server, clients[1]


def test_a_stale_update_is_refused_and_the_server_is_as_it_was() -> None:
    server, client = ready()
    stale = client.update(trained(client.model.arrays(), 1), RATE)
    server.publish(trained(server.published, 2), [1])
    before = server.model.base()
    with pytest.raises(BaseMismatchError, match="an update on version 2 .*, the newest is 3"):
        server.receive(1, stale)
    assert server.model.base() == before


def test_replayed_and_reordered_broadcasts_are_refused_or_skipped() -> None:
    server, client = ready()
    server.publish(trained(server.published, 2), [1])
    first = server.packet(1)
    client.receive(first)
    server.arrived(1)
    held = client.model.base()
    client.receive(first)  # a replay says nothing new
    assert client.model.base() == held
    server.publish(trained(server.published, 3), [1])
    second = server.packet(1)
    other = Follower()
    with pytest.raises(BaseMissingError, match="needs a frame"):
        other.receive(second)
    twin = Follower()
    twin.restore(client.model.schema, client.state())
    twin.model.weights[5] += 0.5
    with pytest.raises(BaseMismatchError, match="this client holds version 3"):
        twin.receive(second)


def test_a_client_without_the_broadcasts_says_so() -> None:
    server, client = ready()
    client.heard = None
    server.publish(trained(server.published, 2), [1])
    with pytest.raises(BaseMissingError, match="lacks the broadcasts"):
        client.receive(server.packet(1))
    server.forget(1)
    client.receive(server.packet(1))
    assert client.model.base() == server.model.base()


def test_truncated_and_damaged_messages_are_refused() -> None:
    server, client = ready()
    update = client.update(trained(client.model.arrays(), 1), RATE)
    for end in (0, 1, 2, 6, 10, 11, len(update) // 2, len(update) - 1):
        with pytest.raises(MessageError):
            server.receive(1, update[:end])
    rng = np.random.default_rng(1)
    for position in range(len(update)):
        damaged = bytearray(update)
        damaged[position] ^= 1 << int(rng.integers(8))
        with pytest.raises(WczError):
            server.receive(1, bytes(damaged))
    assert isinstance(server.accept(1, update[:-1]), MessageError)
    assert isinstance(server.accept(1, update), dict)


def test_a_damaged_packet_leaves_the_client_as_it_was() -> None:
    server, client = ready()
    server.publish(trained(server.published, 2), [1])
    packet = server.packet(1)
    before, held = client.model.base(), client.own
    for position in range(2, len(packet)):
        damaged = bytearray(packet)
        damaged[position] ^= 0x55
        with pytest.raises(WczError):
            client.receive(bytes(damaged))
        assert client.model.base() == before
        assert client.own is held
    client.receive(packet)
    assert client.model.base() == server.model.base()


def test_an_update_that_is_far_larger_than_the_model_is_refused() -> None:
    server, client = ready()
    huge = {name: array + np.float32(1e6) for name, array in client.model.arrays().items()}
    with pytest.raises(UpdateError, match="over 10"):
        server.receive(1, client.update(huge, RATE))


def test_numbers_that_are_not_finite_never_leave_a_client() -> None:
    server, client = ready()
    bad = client.model.arrays()
    bad["fc.weight"][3, 4] = np.nan
    with pytest.raises(NonFiniteError) as caught:
        client.update(bad, RATE)
    assert caught.value.tensor == "fc.weight"
    with pytest.raises(NonFiniteError):
        server.publish(bad)


def test_other_shapes_than_the_federation_s_are_refused() -> None:
    _, client = ready()
    with pytest.raises(MessageError, match="names or shapes"):
        client.update({**client.model.arrays(), "fc.bias": np.zeros(41, np.float32)}, RATE)
    with pytest.raises(MessageError, match="names or shapes"):
        client.update({"w": np.zeros(3, np.float32)}, RATE)


def test_messages_of_another_schema_are_refused() -> None:
    server, client = ready()
    other, stranger = Broadcaster(), Follower()
    other.publish({"w": np.zeros((3, 4), np.float32)})
    stranger.receive(other.packet(0))
    message = stranger.update({"w": np.ones((3, 4), np.float32)}, RATE)
    with pytest.raises(BaseMismatchError):
        server.receive(1, message)
    assert client.model.schema.digest != stranger.model.schema.digest
