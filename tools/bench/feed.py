"""Feeds: what following 20 versions of a network costs, and many devices at one server.

    python tools/bench/feed.py [--devices 200]

The versions are the epochs of a classifier of scikit-learn's digits. The server is `wcz serve`, a process of its own;
the devices are threads of this one, so that their work (checking, decoding, writing) is in the seconds too.
"""

from __future__ import annotations

import argparse
import socket
import statistics
import subprocess
import sys
import tempfile
import threading
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np

import wcodec
from wcodec.feed import publish, pull, read_manifest

VERSIONS = 20


def versions(directory: Path) -> list[Path]:
    """Model files of 20 epochs; each keeps the steps of the one before, so that the differences are small."""
    from sklearn.datasets import load_digits
    from sklearn.neural_network import MLPClassifier

    x, y = load_digits(return_X_y=True)
    network = MLPClassifier((256, 128), random_state=0, learning_rate_init=3e-4)
    paths: list[Path] = []
    for number in range(1, VERSIONS + 1):
        network.partial_fit(x / 16, y, classes=np.arange(10))
        tensors = {f"dense{i}/kernel": w.astype(np.float32) for i, w in enumerate(network.coefs_)}
        tensors |= {f"dense{i}/bias": b.astype(np.float32) for i, b in enumerate(network.intercepts_)}
        path = directory / f"v{number}.wcz"
        if paths:
            delta = wcodec.encode(tensors, base=paths[-1]).data
            wcodec.delta.update(paths[-1], delta, dst=path)
        else:
            wcodec.encode(tensors, path, bits_per_weight=6)
        paths.append(path)
    return paths


@contextmanager
def served(directory: Path) -> Iterator[tuple[str, int]]:
    """URL and process number of a server."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    command = [sys.executable, "-c", "from wcodec.cli.main import main; main()", "serve", str(directory)]
    process = subprocess.Popen([*command, "--port", str(port)])
    url = f"http://127.0.0.1:{port}"
    try:
        for _ in range(600):
            try:
                urllib.request.urlopen(f"{url}/manifest", timeout=5).close()
                break
            except OSError:
                time.sleep(0.1)
        yield url, process.pid
    finally:
        process.kill()
        process.wait()


def peak_mib(pid: int) -> float:
    """Peak resident memory of a process."""
    lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith("VmHWM")) / 1024


def many(url: str, directory: Path, devices: int) -> tuple[list[float], list[str], int, float]:
    """Seconds of each pull, errors, bytes and seconds in all, of so many devices that begin at once."""
    seconds, failures, nbytes = [], [], []
    start = threading.Barrier(devices + 1)

    def follow(number: int) -> None:
        start.wait()
        begun = time.perf_counter()
        try:
            nbytes.append(pull(url, directory / f"device{number}.wcz").nbytes)
        except (wcodec.WczError, OSError) as e:
            failures.append(str(e))
        seconds.append(time.perf_counter() - begun)

    threads = [threading.Thread(target=follow, args=(number,)) for number in range(devices)]
    for thread in threads:
        thread.start()
    start.wait()
    begun = time.perf_counter()
    for thread in threads:
        thread.join()
    return seconds, failures, sum(nbytes), time.perf_counter() - begun


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--devices", type=int, default=200)
    devices = parser.parse_args().devices
    with tempfile.TemporaryDirectory() as temporary:
        directory, feed = Path(temporary), Path(temporary) / "feed"
        paths = versions(directory)
        for path in paths:
            publish(path, feed)
        manifest = read_manifest(feed)
        deltas = [v.delta.nbytes for v in manifest.versions if v.delta is not None]
        model_nbytes = manifest.model.nbytes
        print(f"{VERSIONS} versions: newest model {model_nbytes:,} bytes, deltas {min(deltas):,} to {max(deltas):,}, "
              f"together {sum(deltas):,}; manifest {(feed / 'manifest').stat().st_size:,}")  # fmt: skip
        with served(feed) as (url, pid):
            for version in (1, 10, 15, 19):
                device = directory / "device.wcz"
                device.write_bytes(paths[version - 1].read_bytes())
                done = pull(url, device)
                least = min(model_nbytes, sum(deltas[version - 1 :]))
                print(f"from version {version:2}: {done.nbytes:,} bytes transferred, {done.deltas} deltas, "
                      f"{done.nbytes / least:.3f} of the least")  # fmt: skip
            seconds, failures, nbytes, wall = many(url, directory, devices)
            print(f"{devices} devices at once: {len(failures)} failures, {wall:.2f} s, {nbytes / wall / 1e6:.1f} MB/s, "
                  f"median {statistics.median(seconds):.2f} s, slowest {max(seconds):.2f} s, "
                  f"server {peak_mib(pid):.0f} MiB at its peak")  # fmt: skip
            for failure in sorted(set(failures)):
                print("failure:", failure)


if __name__ == "__main__":
    main()
