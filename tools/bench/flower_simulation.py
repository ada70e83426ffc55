"""Bytes and seconds of a round against the number of clients and the size of the model, on Flower's simulation engine.

    python tools/bench/flower_simulation.py --clients 10 50 200 --weights 80000 1000000

Virtual clients on Ray (`pip install 'flwr[simulation]'`), FedAvg on WczGrid. Clients do not train: each adds numbers of
Student's t-distribution with 2 degrees of freedom, as heavy-tailed as updates are, so that the seconds are those of
Flower and of messages. The first round, in which every client is sent a whole model and Ray starts, is left out of the
means. Seconds are wall time; those of encoding and decoding are the server's. One JSON line a setting, then a table.
"""

from __future__ import annotations

import argparse
import json
import os
import time
from typing import Any

os.environ |= {"FLWR_TELEMETRY_ENABLED": "0", "RAY_USAGE_STATS_ENABLED": "0", "OMP_NUM_THREADS": "1"}
import numpy as np
from flwr.app import Array, ArrayRecord, Context, Message, MetricRecord, RecordDict
from flwr.clientapp import ClientApp
from flwr.serverapp import Grid, ServerApp
from flwr.serverapp.strategy import FedAvg
from flwr.simulation import run_simulation

from wcodec.federated.flower import WczGrid, WczMod
from wcodec.rounds import Plan, Rate


def start(weights: int) -> dict[str, np.ndarray]:
    """A model of about so many weights: square matrices and their biases."""
    side = int((weights / 4) ** 0.5)
    rng = np.random.default_rng(0)
    matrices = {f"{i}.weight": rng.normal(0, side**-0.5, (side, side)).astype(np.float32) for i in range(4)}
    return {**matrices, **{f"{i}.bias": np.zeros(side, np.float32) for i in range(4)}}


def client_app(rate: Rate) -> ClientApp:
    """A client that moves its weights a little."""
    app = ClientApp(mods=[WczMod(rate)])

    @app.train()
    def train(message: Message, context: Context) -> Message:
        arrays = {name: array.numpy() for name, array in message.content["arrays"].items()}
        rng = np.random.default_rng(
            [int(context.node_config["partition-id"]), message.content["config"]["server-round"]]
        )
        moved = {n: a + (1e-3 * rng.standard_t(2, a.shape)).astype(a.dtype) for n, a in arrays.items()}
        record = ArrayRecord({name: Array(a) for name, a in moved.items()})
        content = RecordDict({"arrays": record, "metrics": MetricRecord({"num-examples": 1})})
        return Message(content, reply_to=message)

    return app


def server_app(weights: int, rounds: int, rate: Rate, found: dict[str, Any]) -> ServerApp:
    """FedAvg; `found` gets the traffic and the time at the end of each round."""
    app = ServerApp()

    @app.main()
    def main(grid: Grid, _: Context) -> None:
        packing = WczGrid(grid, Plan(rate=rate))
        ends: list[float] = []
        FedAvg(fraction_evaluate=0.0).start(
            grid=packing,
            initial_arrays=ArrayRecord({name: Array(a) for name, a in start(weights).items()}),
            num_rounds=rounds,
            evaluate_fn=lambda _number, _arrays: ends.append(time.monotonic()),
        )
        found.update(ends=ends, traffic=packing.traffic)

    return app


def measure(clients: int, weights: int, rounds: int, rate: Rate, cpus: int) -> dict[str, Any]:
    """One federation: means over its rounds but the first."""
    found: dict[str, Any] = {}
    backend = {"init_args": {"num_cpus": cpus, "logging_level": "ERROR"}, "client_resources": {"num_cpus": 1}}
    run_simulation(server_app(weights, rounds, rate, found), client_app(rate), clients, backend_config=backend)
    later = found["traffic"][1:]
    assert all(t.errors == t.refused == t.frames == 0 for t in later), later
    mean = {
        k: float(np.mean([getattr(t, k) for t in later])) for k in ("down", "up", "encode_seconds", "decode_seconds")
    }
    size = sum(a.size for a in start(weights).values())
    return {
        "clients": clients, "weights": size, "rounds": rounds, **mean, "plain": 8 * size * clients,
        "first_down": found["traffic"][0].down, "seconds": float(np.mean(np.diff(found["ends"])[1:])),
    }  # fmt: skip


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--clients", type=int, nargs="+", default=[10, 50, 200])
    parser.add_argument("--weights", type=int, nargs="+", default=[80_000])
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--coarseness", type=float, default=4.0)
    parser.add_argument("--cpus", type=int, default=2)
    arguments = parser.parse_args()
    rows = []
    for weights in arguments.weights:
        for clients in arguments.clients:
            rate = Rate(arguments.coarseness)
            rows.append(measure(clients, weights, arguments.rounds, rate, arguments.cpus))
            print(json.dumps(rows[-1]), flush=True)
    print("\n| weights | clients | down, B | up, B | ratio | encode, s | decode, s | round, s |\n" + 8 * "|---" + "|")
    for row in rows:
        print(
            f"| {row['weights']:,} | {row['clients']} | {row['down']:,.0f} | {row['up']:,.0f} "
            f"| {row['plain'] / (row['down'] + row['up']):.0f}x | {row['encode_seconds']:.3f} "
            f"| {row['decode_seconds']:.3f} | {row['seconds']:.1f} |"
        )


if __name__ == "__main__":
    main()
