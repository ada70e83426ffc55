"""Federated averaging of a small CNN on MNIST, in one process: bytes against accuracy.

    python tools/bench/federated.py --wires float32 wcz:4:0.5 wcz:6:1.5 int8 topk:0.02 nncodec:4 --seeds 0 1 2

10 clients, Dirichlet(0.3) label skew, 50 steps of plain SGD (batch 32, rate 0.2) a round, means weighted by examples,
the same start and batches for every wire. Accuracy is that of the model that clients hold on the 10,000 test images,
mean of the last five rounds; bytes are those of whole messages, up and down, per client, against float32 both ways.
One JSON line a run, then a table. Torch, one thread; wires are in federated_wires.py. Data: ../shared/data or
WCODEC_DATA.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
import time
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

os.environ.setdefault("OMP_NUM_THREADS", "1")
import numpy as np
import torch
from torch.nn import functional

sys.path.insert(0, str(Path(__file__).parent))
from federated_networks import TASKS
from federated_wires import Arrays, Wire, wire

LAST = 5  # rounds whose mean accuracy counts


@dataclass(frozen=True)
class Setting:
    """Who trains what, and how."""

    network: str = "small"
    clients: int = 10
    steps: int = 50
    batch: int = 32
    learning_rate: float = 0.2


SETTINGS = {
    "small": Setting(),
    "caffe": Setting("caffe", batch=16, learning_rate=0.1),
    "resnet8": Setting("resnet8", steps=20, learning_rate=0.01),  # fine-tuning
}


class Learner:
    """A network with flat weights, its data, and what one client does in a round."""

    def __init__(self, setting: Setting, seed: int) -> None:
        torch.manual_seed(seed)
        self.setting, self.seed = setting, seed
        task = TASKS[setting.network]
        self.model = task.network()
        self._state = {n: t for n, t in self.model.state_dict().items() if t.is_floating_point()}  # shares its memory
        self.train, self.test = task.data()
        self.parts = dirichlet_split(self.train[1].numpy(), setting.clients, 0.3, seed + 100)

    def arrays(self) -> Arrays:
        return {name: tensor.numpy().copy() for name, tensor in self._state.items()}

    def put(self, arrays: Arrays) -> None:
        for name, tensor in self._state.items():
            tensor.copy_(torch.from_numpy(arrays[name]))

    def accuracy(self) -> float:
        self.model.eval()
        with torch.no_grad():
            right = sum(
                int((self.model(self.test[0][i : i + 1000]).argmax(1) == self.test[1][i : i + 1000]).sum())
                for i in range(0, len(self.test[1]), 1000)
            )
        return 100 * right / len(self.test[1])

    def train_round(self, client: int, number: int) -> None:
        """Plain SGD; the batches depend on seed, round and client alone."""
        generator = torch.Generator().manual_seed(self.seed * 10**6 + number * 1000 + client)
        mine = torch.from_numpy(self.parts[client])
        self.model.train()
        for _ in range(self.setting.steps):
            batch = mine[torch.randint(0, len(mine), (self.setting.batch,), generator=generator)]
            self.model.zero_grad()
            functional.cross_entropy(self.model(self.train[0][batch]), self.train[1][batch]).backward()
            with torch.no_grad():
                for parameter in self.model.parameters():
                    parameter.add_(parameter.grad, alpha=-self.setting.learning_rate)


def dirichlet_split(labels: np.ndarray, clients: int, alpha: float, seed: int) -> list[np.ndarray]:
    """Places of each client's examples: of each class, shares from a Dirichlet distribution."""
    rng = np.random.default_rng(seed)
    parts: list[list[np.ndarray]] = [[] for _ in range(clients)]
    for label in range(10):
        places = rng.permutation(np.flatnonzero(labels == label))
        cuts = (np.cumsum(rng.dirichlet([alpha] * clients))[:-1] * len(places)).astype(int)
        for part, piece in zip(parts, np.split(places, cuts), strict=True):
            part.append(piece)
    return [np.concatenate(part) for part in parts]


def run(description: str, setting: Setting, seed: int, rounds: int) -> dict[str, Any]:
    """One federation; its accuracies and bytes a round."""
    learner, carrier = Learner(setting, seed), wire(description)
    clients = range(setting.clients)
    shares = np.array([len(part) for part in learner.parts]) / len(learner.train[1])
    model, start = learner.arrays(), time.process_time()
    carried = 0.0
    table: list[dict[str, float]] = []
    for number in range(rounds):
        model, row, seconds = play(learner, carrier, model, shares, number, clients)
        carried += seconds
        table.append(row)
    learner.put(next(carrier.down(model, range(1)))[0])
    accuracies = [row["accuracy"] for row in table[1:]] + [learner.accuracy()]
    plain = 2 * rounds * sum(a.nbytes for a in model.values())
    up, down = ([row[key] for row in table] for key in ("up", "down"))
    return {
        "wire": description, "network": setting.network, "seed": seed, "rounds": rounds,
        "accuracy": float(np.mean(accuracies[-LAST:])), "accuracies": accuracies,
        "up": float(np.mean(up)), "down": float(np.mean(down[1:])), "first_down": down[0],
        "ratio": plain / (sum(up) + sum(down)),
        "ratio_without_first": plain / (sum(up) + sum(down[1:]) * rounds / max(rounds - 1, 1)),
        "codec_seconds_a_round": carried / rounds, "seconds": time.process_time() - start,
    }  # fmt: skip


def play(
    learner: Learner, carrier: Wire, model: Arrays, shares: np.ndarray, number: int, clients: range
) -> tuple[Arrays, dict[str, float], float]:
    """One round: the new model, its bytes a client and the accuracy at its start, CPU seconds of the wire."""
    total = {name: np.zeros(array.shape) for name, array in model.items()}
    up, down, accuracy, seconds = 0, 0, 0.0, 0.0
    started = time.process_time()
    for client, (received, nbytes) in zip(clients, carrier.down(model, clients), strict=True):
        learner.put(received)
        seconds += time.process_time() - started
        down += nbytes
        accuracy = accuracy or learner.accuracy()
        learner.train_round(client, number)
        started = time.process_time()
        arrived, sent = carrier.up(client, learner.arrays())
        up += sent
        for name in total:
            total[name] += shares[client] * arrived[name]
    seconds += time.process_time() - started
    row = {"up": up / len(clients), "down": down / len(clients), "accuracy": accuracy}
    return {name: array.astype(np.float32) for name, array in total.items()}, row, seconds


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--wires", nargs="+", default=["float32", "wcz:4:0.5", "wcz:6:1.5"])
    parser.add_argument("--seeds", nargs="+", type=int, default=[0])
    parser.add_argument("--rounds", type=int, default=30)
    parser.add_argument("--clients", type=int, default=10)
    parser.add_argument("--network", choices=SETTINGS, default="small")
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    setting = replace(SETTINGS[arguments.network], clients=arguments.clients)
    rows = []
    for seed in arguments.seeds:
        for description in arguments.wires:
            rows.append(run(description, setting, seed, arguments.rounds))
            print(json.dumps(rows[-1]), flush=True)
    print("\n| wire | accuracy | up, B | down, B | first | ratio | without the first |\n|---|---|---|---|---|---|---|")
    for description in arguments.wires:
        mine = [row for row in rows if row["wire"] == description]
        mean = {key: float(np.mean([row[key] for row in mine])) for key in mine[0] if isinstance(mine[0][key], float)}
        print(
            f"| {description} | {mean['accuracy']:.2f} % | {mean['up']:,.0f} | {mean['down']:,.0f} "
            f"| {mean['first_down']:,.0f} | {mean['ratio']:.1f}x | {mean['ratio_without_first']:.1f}x |"
        )


if __name__ == "__main__":
    main()
