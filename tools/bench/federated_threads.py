"""A server decodes the updates of one round: one after the other, and in threads.

    python tools/bench/federated_threads.py --clients 6 --layers 2 --threads 1 2

Layers are 1000 x 1000; each client moves every weight, a few of them far, and sends the third of its updates at
coarseness 4. Seconds are the least of --repeats runs.
"""

from __future__ import annotations

import argparse
import copy
import time
from concurrent.futures import ThreadPoolExecutor

import numpy as np

from wcodec.rounds import Broadcaster, Follower, Rate


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--clients", type=int, default=6)
    parser.add_argument("--layers", type=int, default=2)
    parser.add_argument("--threads", type=int, nargs="+", default=[1, 2])
    parser.add_argument("--repeats", type=int, default=8)
    arguments = parser.parse_args()
    server, updates = third_round(arguments.clients, arguments.layers)
    nbytes = sum(map(len, updates.values())) // len(updates)
    print(f"{arguments.clients} clients, {arguments.layers} million weights, {nbytes:,} bytes an update")
    for threads in arguments.threads:
        runs = [timed(server, updates, threads) for _ in range(arguments.repeats)]
        wall, cpu = (min(column) for column in zip(*runs, strict=True))
        print(f"{threads} threads: {wall:.3f} s, {cpu:.3f} CPU s")


def third_round(clients: int, layers: int) -> tuple[Broadcaster, dict[int, bytes]]:
    """The server and the updates that it is about to decode."""
    rng = np.random.default_rng(0)
    model = {f"layer{i}/kernel": rng.normal(0, 0.05, (1000, 1000)).astype(np.float32) for i in range(layers)}
    server, followers = Broadcaster(), {client: Follower() for client in range(clients)}
    for _ in range(2):
        server.publish(model, followers)
        updates = trained_updates(server, followers, rng)
        received = [server.receive(client, update) for client, update in updates.items()]
        model = {name: np.mean([arrays[name] for arrays in received], axis=0) for name in model}
    server.publish(model, followers)
    return server, trained_updates(server, followers, rng)


def trained_updates(server: Broadcaster, followers: dict[int, Follower], rng: np.random.Generator) -> dict[int, bytes]:
    updates = {}
    for client, follower in followers.items():
        held = follower.receive(server.packet(client))
        server.arrived(client)
        moved = {name: a + (0.002 * rng.standard_t(3, a.shape)).astype(np.float32) for name, a in held.items()}
        updates[client] = follower.update(moved, Rate())
    return updates


def timed(server: Broadcaster, updates: dict[int, bytes], threads: int) -> tuple[float, float]:
    """Wall and processor seconds of one decoding of all updates, by a copy of the server."""
    server = copy.deepcopy(server)
    wall, cpu = time.perf_counter(), time.process_time()
    with ThreadPoolExecutor(threads) as pool:
        server.receive_all(updates, pool if threads > 1 else None)
    return time.perf_counter() - wall, time.process_time() - cpu


if __name__ == "__main__":
    main()
