"""The mod and the grid on client apps in this process (see conftest.py for what Flower is replaced by, and where)."""

import copy

import numpy as np
import pytest

from wcodec.rounds import Plan, Rate

pytestmark = pytest.mark.filterwarnings("default::DeprecationWarning")  # Flower's own


def start() -> dict[str, np.ndarray]:
    rng = np.random.default_rng(0)
    return {
        "conv": rng.normal(0, 0.1, (8, 3, 3, 3)).astype(np.float32),
        "dense": rng.normal(0, 0.05, (40, 60)).astype(np.float32),
        "bias": np.zeros(40, np.float32),
        "count": np.array(0, np.int64),
    }


class World:
    """Nodes with client apps behind a grid; nodes may lose their state, die or lie."""

    def __init__(self, flower, nodes: int, with_mod=None) -> None:
        from flwr.app import Context, Error, Message

        self.flower, self.Message, self.Error = flower, Message, Error
        make = (
            Context
            if not hasattr(Context, "run_id") and Context.__module__.endswith("conftest")
            else self._real_context
        )
        self.contexts = {node: make() for node in range(1, nodes + 1)}
        self.mods = dict.fromkeys(with_mod or self.contexts, flower.wcz_mod)
        self.dead: set[int] = set()
        self.tamper = {}
        self.seen: dict[int, list] = {node: [] for node in self.contexts}
        self.wire: list[int] = []

    @staticmethod
    def _real_context():
        from flwr.app import Context, RecordDict

        return Context(run_id=1, node_id=1, node_config={}, state=RecordDict(), run_config={})

    # what a Grid does
    def get_node_ids(self):
        return list(self.contexts)

    def get_nodes(self):
        return list(self.contexts)

    def send_and_receive(self, messages, *, timeout=None):
        return [reply for m in messages if (reply := self._answer(m)) is not None]

    def push_messages(self, messages):
        self._waiting = {str(m.metadata.dst_node_id): m for m in messages}
        return list(self._waiting)

    def pull_messages(self, message_ids):
        return [reply for i in message_ids if (reply := self._answer(self._waiting[i])) is not None]

    def _answer(self, message):
        node = message.metadata.dst_node_id
        if node in self.dead:
            return None
        message = copy.copy(message)
        self.wire.append(sum(len(a.data) for a in message.content["arrays"].values()))
        try:
            if node in self.mods:
                reply = self.mods[node](message, self.contexts[node], self._app)
            else:
                reply = self._app(message, self.contexts[node])
        except Exception as e:  # noqa: BLE001  # as Flower does
            return self.Message(error=self.Error(1, str(e)), reply_to=message)
        return self.tamper.pop(node, lambda r: r)(reply)

    def _app(self, message, context):
        from flwr.app import Array, ArrayRecord, MetricRecord, RecordDict

        node = message.metadata.dst_node_id
        arrays = {k: a.numpy() for k, a in message.content["arrays"].items()}
        self.seen[node].append(arrays)
        metrics = MetricRecord({"num-examples": node})
        if message.metadata.message_type == "evaluate":
            return self.Message(RecordDict({"metrics": metrics}), reply_to=message)
        rng = np.random.default_rng([node, len(self.seen[node])])
        new = {
            k: a + (0.01 * rng.standard_t(2, a.shape)).astype(a.dtype) if a.dtype.kind == "f" else a + 5
            for k, a in arrays.items()
        }
        record = ArrayRecord({k: Array(np.asarray(a)) for k, a in new.items()})
        return self.Message(RecordDict({"arrays": record, "metrics": metrics}), reply_to=message)


class Average:
    """What a strategy does with a grid."""

    def __init__(self, world: World, grid, arrays: dict[str, np.ndarray] | None = None) -> None:
        self.world, self.grid, self.arrays = world, grid, arrays or start()

    def round(self, kind: str = "train", nodes=None) -> list:
        from flwr.app import Array, ArrayRecord, ConfigRecord, RecordDict

        record = ArrayRecord({k: Array(np.asarray(a)) for k, a in self.arrays.items()})
        content = RecordDict({"arrays": record, "config": ConfigRecord({"server-round": 1})})
        messages = [self.world.Message(content, node, kind) for node in nodes or self.world.contexts]
        replies = list(self.grid.send_and_receive(messages, timeout=60))
        good = [r for r in replies if not r.has_error()]
        if kind == "train" and good:
            models = [{k: a.numpy() for k, a in r.content["arrays"].items()} for r in good]
            self.arrays = {k: np.mean([m[k] for m in models], axis=0) for k in models[0]}
        return replies


@pytest.fixture
def world(flower):
    return World(flower, 3)


@pytest.fixture
def grid(flower, world):
    return flower.WczGrid(world)


def assert_in_step(world: World, grid, nodes=None) -> None:
    """What apps were given last is what the grid says that clients hold."""
    for node in nodes or world.contexts:
        for name, array in grid.held().items():
            np.testing.assert_array_equal(world.seen[node][-1][name], array)


def test_a_federation_runs_and_moves_few_bytes(world, grid) -> None:
    strategy = Average(world, grid)
    for _ in range(6):
        replies = strategy.round()
        assert all(not r.has_error() and set(r.content) == {"arrays", "metrics"} for r in replies)
        assert_in_step(world, grid)
    traffic = grid.traffic[-1]
    plain = sum(a.nbytes for a in start().values())
    assert (traffic.nodes, traffic.frames, traffic.refused, traffic.errors) == (3, 0, 0, 0)
    assert grid.traffic[0].frames == 3
    assert traffic.plain_down >= 3 * plain
    assert traffic.ratio > 15
    assert traffic.encode_seconds > 0
    assert traffic.decode_seconds > 0
    assert "3 nodes" in str(traffic)
    assert sum(world.wire[-3:]) == traffic.down
    assert list(grid.send_and_receive([])) == []  # a strategy that does not evaluate
    assert len(grid.traffic) == 6
    assert strategy.arrays["count"] == 30


def test_the_broadcast_is_encoded_once_a_round(world, grid, monkeypatch) -> None:
    from wcodec.rounds import message

    calls = []
    original = message.encode
    monkeypatch.setattr(message, "encode", lambda header, *rest: calls.append(header.kind) or original(header, *rest))
    strategy = Average(world, grid)
    for _ in range(3):
        strategy.round()
    assert calls.count(message.Kind.BROADCAST) == 2
    assert calls.count(message.Kind.UPDATE) == 9


def test_evaluation_between_rounds_costs_one_broadcast(world, grid) -> None:
    strategy = Average(world, grid)
    for _ in range(3):
        strategy.round()
        replies = strategy.round("evaluate")
        assert all(set(r.content) == {"metrics"} for r in replies)
        assert_in_step(world, grid)
    assert grid.traffic[-1].down > 3 * 11
    strategy.round("evaluate")
    assert grid.traffic[-1].down == 6  # nothing new: acknowledged, count, and an empty part


def test_clients_without_the_mod_get_plain_arrays(flower) -> None:
    world = World(flower, 3, with_mod=[1, 2])
    grid = flower.WczGrid(world)
    strategy = Average(world, grid)
    for _ in range(3):
        assert all(not r.has_error() for r in strategy.round())
        assert_in_step(world, grid, [1, 2])
    np.testing.assert_array_equal(world.seen[3][-1]["dense"], grid.broadcasters["arrays"].published["dense"])


def test_a_server_without_the_grid_works_with_the_mod(world) -> None:
    strategy = Average(world, world)
    assert all(not r.has_error() for r in strategy.round())
    assert not world.contexts[1].state


def test_a_client_that_lost_its_state_gets_a_whole_model_in_the_same_round(flower, world, grid) -> None:
    strategy = Average(world, grid)
    for _ in range(3):
        strategy.round()
    world.contexts[2].state.clear()
    assert all(not r.has_error() for r in strategy.round())
    assert grid.traffic[-1].frames == 1
    assert_in_step(world, grid)


def test_a_client_that_dies_in_a_round_costs_only_itself(world, grid) -> None:
    strategy = Average(world, grid)
    strategy.round()
    world.dead = {3}
    assert len(strategy.round()) == 2
    assert grid.traffic[-1].errors == 1
    strategy.round()
    world.dead = set()
    assert len(strategy.round()) == 3
    assert_in_step(world, grid)
    assert grid.traffic[-1].frames == 0


def test_an_error_that_the_link_sends_for_a_dead_client_costs_only_that_client(world, grid) -> None:
    """Seen on Flower 1.42: such replies come from node 1, the SuperLink, whoever they are for."""
    from flwr.app import Error, RecordDict

    strategy = Average(world, grid)
    strategy.round(nodes=[2, 3])

    def unavailable(reply):
        failed = world.Message(
            error=Error(3, "the client did not answer"), reply_to=world.Message(RecordDict({}), 1, "train")
        )
        assert failed.metadata.src_node_id == 1
        return failed

    world.tamper[3] = unavailable
    replies = strategy.round(nodes=[2, 3])
    assert [r.has_error() for r in replies] == [False, True]
    assert grid.traffic[-1].errors == 1
    assert not any(r.has_error() for r in strategy.round(nodes=[2, 3]))
    assert_in_step(world, grid, [2, 3])


def test_missed_rounds_are_one_sum(world, grid) -> None:
    strategy = Average(world, grid)
    strategy.round()
    for _ in range(6):
        strategy.round(nodes=[1, 2])
    strategy.round()
    assert_in_step(world, grid)
    assert grid.traffic[-1].frames == 0


@pytest.mark.parametrize("cut", [0, 1, 5, 11, 40])
def test_a_truncated_upload_is_refused_and_the_round_goes_on(flower, world, grid, cut: int) -> None:
    strategy = Average(world, grid)
    strategy.round()

    def shorten(reply):
        record = reply.content["arrays"]
        reply.content["arrays"] = flower.records.packed_record(record[flower.records.PACKED].data[:cut])
        return reply

    world.tamper[2] = shorten
    replies = strategy.round()
    assert [r.has_error() for r in replies] == [False, True, False]
    assert "MessageError" in replies[1].error.reason
    assert grid.traffic[-1].refused == 1
    assert not any(r.has_error() for r in strategy.round())
    assert_in_step(world, grid)


def test_a_replayed_update_is_refused(flower, world, grid) -> None:
    strategy = Average(world, grid)
    kept = []
    world.tamper[1] = lambda r: kept.append(r.content["arrays"]) or r
    strategy.round()

    def replay(reply):
        reply.content["arrays"] = kept[0]
        return reply

    world.tamper[1] = replay
    replies = strategy.round()
    assert replies[0].has_error()
    assert "an update on version 0" in replies[0].error.reason
    assert not any(r.has_error() for r in strategy.round())
    assert_in_step(world, grid)


def test_a_second_update_of_a_node_in_one_round_is_refused(world, grid) -> None:
    strategy = Average(world, grid)
    send = world.send_and_receive

    def twice(messages, *, timeout=None):
        replies = send(messages, timeout=timeout)
        return [*replies, copy.copy(replies[0])]

    world.send_and_receive = twice
    replies = strategy.round()
    assert [r.has_error() for r in replies] == [False, False, False, True]
    assert "a second one in the same round" in replies[3].error.reason


def test_a_client_with_a_huge_model_or_without_finite_numbers_is_refused(flower, world, grid) -> None:
    strategy = Average(world, grid)
    strategy.round()
    original = world._app

    def app(message, context):
        from flwr.app import Array, ArrayRecord

        reply = original(message, context)
        node = message.metadata.dst_node_id
        arrays = {k: a.numpy() for k, a in reply.content["arrays"].items()}
        if node == 1:
            arrays["dense"][:] = np.inf
        elif node == 2:
            arrays["dense"] = np.zeros((10**4, 10), np.float32)
        elif node == 3:
            arrays["dense"][0] += 1e6
        reply.content["arrays"] = ArrayRecord({k: Array(np.asarray(a)) for k, a in arrays.items()})
        return reply

    world._app = app
    reasons = [r.error.reason for r in strategy.round()]
    assert "NaN or infinity" in reasons[0]
    assert "names or shapes" in reasons[1]
    assert "UpdateError" in reasons[2]
    world._app = original
    assert not any(r.has_error() for r in strategy.round())
    assert_in_step(world, grid)


def test_the_server_may_adopt_the_rounded_start(flower, world) -> None:
    from flwr.app import Array, ArrayRecord

    grid = flower.WczGrid(world, Plan(rate=Rate(6.0), frame_fraction=1.5))
    record = grid.begin(ArrayRecord({k: Array(np.asarray(a)) for k, a in start().items()}))
    strategy = Average(world, grid, {k: a.numpy() for k, a in record.items()})
    strategy.round()
    assert_in_step(world, grid)
    np.testing.assert_array_equal(grid.held()["dense"], record["dense"].numpy())
    frame = grid.traffic[0].down / 3
    assert frame < 0.15 * sum(a.nbytes for a in start().values())


def test_push_and_pull_pack_too(world, grid) -> None:
    from flwr.app import Array, ArrayRecord, RecordDict

    record = ArrayRecord({k: Array(np.asarray(a)) for k, a in start().items()})
    for _ in range(2):
        messages = [world.Message(RecordDict({"arrays": record}), node, "train") for node in (1, 2)]
        replies = grid.pull_messages(grid.push_messages(messages))
        assert [r.has_error() for r in replies] == [False, False]
        assert replies[0].content["arrays"]["dense"].numpy().shape == (40, 60)
    assert grid.get_node_ids() == [1, 2, 3]
