"""A real federation on this machine: one SuperLink, SuperNodes as processes, the app of examples/flower_mnist.

    python tools/bench/flower_loopback.py --rounds 30 --seeds 0 1 2 --data mnist.npz
    make demo-federated                                    fewer rounds; scikit-learn's digits without --data

Runs the federation without and with wcodec on the same batches, prints a table a round (bytes down and up of all
messages of all clients, the ratio to plain float32, accuracy of the model that clients hold), then one line a run.
--strategies FedAvg FedAdam FedMedian runs each. --kill node | link kills a process in mid-run and shows what becomes
of the run. Needs flwr; everything stays on 127.0.0.1.
"""

from __future__ import annotations

import argparse
import json
import os
import signal
import socket
import subprocess
import sys
import tempfile
import time
from contextlib import ExitStack, suppress
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[2]
APP = ROOT / "examples" / "flower_mnist"
BIN = Path(sys.executable).parent
QUIET = {
    "FLWR_TELEMETRY_ENABLED": "0",
    "FLWR_DISABLE_UPDATE_CHECK": "1",
    "FLWR_DISABLE_RUNTIME_DEPENDENCY_INSTALLATION": "1",
    "OMP_NUM_THREADS": "1",
    "OPENBLAS_NUM_THREADS": "1",
}


class Federation:
    """A SuperLink and its SuperNodes; a context manager that ends what it started."""

    def __init__(self, nodes: int, folder: Path) -> None:
        self.folder, self.nodes = folder, nodes
        self.port = free_port()
        # beside the interpreter in use: the processes that Flower starts find `flower-superexec` and python by PATH
        paths = {"PATH": f"{BIN}{os.pathsep}{os.environ['PATH']}", "FLWR_HOME": str(folder / "home")}
        paths["PYTHONPATH"] = os.pathsep.join([str(ROOT), os.environ.get("PYTHONPATH", "")])
        self.environment = {**os.environ, **QUIET, **paths}
        self._processes: dict[str, subprocess.Popen[bytes]] = {}

    def __enter__(self) -> Federation:
        home = self.folder / "home"
        home.mkdir(parents=True)
        target = f'[superlink]\ndefault = "loopback"\n[superlink.loopback]\naddress = "127.0.0.1:{self.port}"\n'
        (home / "config.toml").write_text(target + "insecure = true\n")
        self.start_link()
        for node in range(self.nodes):
            self.start_node(node)
        return self

    def __exit__(self, *_: object) -> None:
        for process in self._processes.values():
            process.terminate()
        for process in self._processes.values():
            try:
                process.wait(10)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()
            with suppress(ProcessLookupError):  # what it has started
                os.killpg(process.pid, signal.SIGKILL)

    def start_link(self) -> None:
        self._start(
            "superlink", "flower-superlink", "--insecure", "--host", "127.0.0.1", "--port", str(self.port),
            "--disable-runtime-dependency-installation",
        )  # fmt: skip
        wait_for(self.port)

    def start_node(self, node: int) -> None:
        config = f"partition-id={node} num-partitions={self.nodes}"
        self._start(
            f"node{node}", "flower-supernode", "--insecure", "--superlink", f"127.0.0.1:{self.port}",
            "--port", str(free_port()), "--node-config", config,
        )  # fmt: skip

    def kill(self, name: str) -> None:
        """End a process without warning."""
        process = self._processes.pop(name)
        process.kill()
        process.wait()

    def run(self, **config: Any) -> subprocess.Popen[bytes]:
        """Start a run of the app; its log is in the folder."""
        items = " ".join(f"{key.replace('_', '-')}={toml(value)}" for key, value in config.items())
        command = [str(BIN / "flwr"), "run", str(APP), "loopback", "--stream", "-c", items]
        log = (self.folder / "run.log").open("ab")
        return subprocess.Popen(command, env=self.environment, stdout=log, stderr=log)

    def _start(self, name: str, program: str, *arguments: str) -> None:
        log = (self.folder / f"{name}.log").open("ab")
        self._processes[name] = subprocess.Popen(
            [str(BIN / program), *arguments], env=self.environment, stdout=log, stderr=log, start_new_session=True
        )


def toml(value: Any) -> str:
    return json.dumps(value)


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def wait_for(port: int, seconds: float = 120) -> None:
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        try:
            socket.create_connection(("127.0.0.1", port), 1).close()
        except OSError:
            time.sleep(0.3)
        else:
            return
    raise SystemExit(f"nothing listens on port {port} after {seconds:.0f} s; see the logs")


def measure(federation: Federation, longest: float, **config: Any) -> dict[str, Any]:
    """One run to its end; what its server app reported."""
    report = federation.folder / f"report_{time.monotonic_ns()}.json"
    process = federation.run(report=str(report), **config)
    end = time.monotonic() + longest
    while not report.exists() and time.monotonic() < end and process.poll() is None:
        time.sleep(0.5)
    time.sleep(1)
    if process.poll() is None:
        process.terminate()
    process.wait()
    if not report.exists():
        tail = (federation.folder / "run.log").read_text()[-2000:]
        raise SystemExit(f"the run ended without a report; the end of its log:\n{tail}")
    return {**config, **json.loads(report.read_text())}


def show(report: dict[str, Any], plain: dict[str, Any]) -> None:
    """A table a round."""
    print(f"\n{report['strategy']}, seed {report['seed']}, coarseness {report['coarseness']}")
    print("| round | B down | B up | ratio | encode, s | decode, s | accuracy | without wcodec |\n" + 8 * "|---" + "|")
    for row, accuracy, other in zip(report["traffic"], report["accuracies"], plain["accuracies"], strict=False):
        print(
            f"| {row['number']} | {row['down']:,} | {row['up']:,} | {row['ratio']:.0f}x | {row['encode_seconds']:.3f} "
            f"| {row['decode_seconds']:.3f} | {accuracy:.2f} % | {other:.2f} % |"
        )


def summary(report: dict[str, Any], plain: dict[str, Any]) -> dict[str, Any]:
    last = min(5, len(report["accuracies"]))
    sums = {key: sum(row[key] for row in report["traffic"]) for key in ("down", "up", "plain_down", "plain_up")}
    means = [sum(r["accuracies"][-last:]) / last for r in (report, plain)]
    first = report["traffic"][0]["down"]
    whole = sums["plain_down"] + sums["plain_up"]
    return {
        "strategy": report["strategy"], "seed": report["seed"], "rounds": report["rounds"],
        "coarseness": report["coarseness"], "accuracy": means[0], "plain_accuracy": means[1],
        "loss": means[1] - means[0], "bytes": sums["down"] + sums["up"], "plain_bytes": whole,
        "ratio": whole / (sums["down"] + sums["up"]),
        "ratio_without_first_model": whole / (sums["down"] + sums["up"] - first),
    }  # fmt: skip


def kill_in_mid_run(federation: Federation, which: str, config: dict[str, Any], longest: float) -> None:
    """Kill a node or the link some rounds into a run, start it again, and say what became of the run."""
    report = federation.folder / "report_killed.json"
    process = federation.run(report=str(report), **config)
    time.sleep(max(longest / 12, 20))
    name = "node1" if which == "node" else "superlink"
    federation.kill(name)
    print(f"killed {name}", flush=True)
    time.sleep(5)
    federation.start_node(1) if which == "node" else federation.start_link()
    print(f"started {name} again", flush=True)
    end = time.monotonic() + longest
    while process.poll() is None and not report.exists() and time.monotonic() < end:
        time.sleep(1)
    code = process.poll()
    if report.exists():
        found = json.loads(report.read_text())
        errors = sum(row["errors"] for row in found["traffic"])
        frames = [row["frames"] for row in found["traffic"]]
        print(f"the run went on: accuracies {found['accuracies']}, {errors} failed replies, frames a round {frames}")
    else:
        tail = (federation.folder / "run.log").read_text().strip().splitlines()[-3:]
        print(f"the run ended with code {code}; its log: {tail}")
    if process.poll() is None:
        process.terminate()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--nodes", type=int, default=4)
    parser.add_argument("--rounds", type=int, default=30)
    parser.add_argument("--seeds", type=int, nargs="+", default=[0])
    parser.add_argument("--strategies", nargs="+", default=["FedAvg"])
    parser.add_argument("--coarseness", type=float, nargs="+", default=[4.0])
    parser.add_argument("--frame", type=float, default=0.5)
    parser.add_argument("--data", default="", help="mnist.npz; scikit-learn's digits without")
    parser.add_argument("--timeout", type=float, default=3600, help="seconds of one run")
    parser.add_argument("--kill", choices=["node", "link"])
    parser.add_argument("--logs", help="folder for the logs; a temporary one without")
    arguments = parser.parse_args()
    data = str(Path(arguments.data).resolve()) if arguments.data else ""
    with ExitStack() as stack:
        folder = Path(arguments.logs or stack.enter_context(tempfile.TemporaryDirectory())).resolve()
        federation = stack.enter_context(Federation(arguments.nodes, folder))
        common = {"num_server_rounds": arguments.rounds, "data": data, "frame_fraction": arguments.frame}
        common |= {"nodes": arguments.nodes, "timeout": arguments.timeout / max(arguments.rounds, 1)}
        if arguments.kill:
            config = {**common, "packed": True, "strategy": "FedAvg", "seed": 0, "coarseness": 4.0}
            kill_in_mid_run(federation, arguments.kill, config, arguments.timeout)
            return
        for strategy in arguments.strategies:
            for seed in arguments.seeds:
                options = {**common, "strategy": strategy, "seed": seed}
                plain = measure(federation, arguments.timeout, packed=False, coarseness=4.0, **options)
                for coarseness in arguments.coarseness:
                    report = measure(federation, arguments.timeout, packed=True, coarseness=coarseness, **options)
                    show(report, plain)
                    print(json.dumps(summary(report, plain)), flush=True)


if __name__ == "__main__":
    main()
