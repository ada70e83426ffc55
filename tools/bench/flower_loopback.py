"""A real federation on this machine: one SuperLink, SuperNodes as processes, the app of examples/flower_mnist.

    python tools/bench/flower_loopback.py --rounds 30 --seeds 0 1 2 --data mnist.npz
    make demo-federated                                    fewer rounds; scikit-learn's digits without --data

Runs the federation without and with wcodec on the same batches, prints a table a round (bytes down and up of all
messages of all clients, the ratio to plain float32, accuracy of the model that clients hold), then one line a run.
--strategies FedAvg FedAdam FedMedian runs each. --kill node | link kills a process in mid-run, starts it again and says
what becomes of the run; after the SuperLink (which keeps its state in a database then) a second run goes on from the
server's checkpoint. Needs flwr; everything stays on 127.0.0.1.
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
from collections.abc import Callable
from contextlib import ExitStack, suppress
from pathlib import Path
from typing import Any

import numpy as np

import wcodec
import wcodec.delta

sys.path.insert(0, str(Path(__file__).parent))
from flower_warm import launcher

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


NAMED = ("strategy", "seed", "num_server_rounds", "packed", "coarseness", "frame_fraction")  # in the names of reports


class Federation:
    """A SuperLink and its SuperNodes; a context manager that ends what it started.

    With `is_kept` the SuperLink has a database, so that another one can take its place; `is_warm`: see flower_warm.py.
    """

    def __init__(self, nodes: int, folder: Path, is_kept: bool = False, is_warm: bool = False) -> None:
        self.folder, self.nodes, self.is_kept, self.is_warm = folder, nodes, is_kept, is_warm
        self.port = free_port()
        # beside the interpreter in use: the processes that Flower starts find `flower-superexec` and python by PATH
        paths = {"PATH": f"{BIN}{os.pathsep}{os.environ['PATH']}", "FLWR_HOME": str(folder / "home")}
        paths["PYTHONPATH"] = os.pathsep.join([str(ROOT), os.environ.get("PYTHONPATH", "")])
        self.environment = {**os.environ, **QUIET, **paths}
        self.environment.pop("PYTHONDONTWRITEBYTECODE", None)  # a process a task: each would compile everything anew
        self._processes: dict[str, subprocess.Popen[bytes]] = {}

    def __enter__(self) -> Federation:
        home = self.folder / "home"
        home.mkdir(parents=True, exist_ok=True)
        target = f'[superlink]\ndefault = "loopback"\n[superlink.loopback]\naddress = "127.0.0.1:{self.port}"\n'
        (home / "config.toml").write_text(target + "insecure = true\n")
        if self.is_warm:
            self._start_warm(self.folder / "warm")
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
        database = ["--database", str(self.folder / "state.db")] if self.is_kept else []
        self._start(
            "superlink", "flower-superlink", "--insecure", "--host", "127.0.0.1", "--port", str(self.port),
            "--disable-runtime-dependency-installation", *database,
        )  # fmt: skip
        wait_for(self.port)

    def start_node(self, node: int) -> None:
        config = f"partition-id={node} num-partitions={self.nodes}"
        self._start(
            f"node{node}", "flower-supernode", "--insecure", "--superlink", f"127.0.0.1:{self.port}",
            "--port", str(free_port()), "--node-config", config,
        )  # fmt: skip

    def kill(self, name: str) -> None:
        """End a process and what it has started, without warning."""
        process = self._processes.pop(name)
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()

    def run(self, **config: Any) -> subprocess.Popen[bytes]:
        """Start a run of the app; its log is in the folder."""
        items = " ".join(f"{key.replace('_', '-')}={toml(value)}" for key, value in config.items())
        command = [str(BIN / "flwr"), "run", str(APP), "loopback", "--stream", "-c", items]
        log = (self.folder / "run.log").open("ab")
        return subprocess.Popen(command, env=self.environment, stdout=log, stderr=log)

    def _start_warm(self, folder: Path) -> None:
        folder.mkdir(exist_ok=True)
        door = folder / "door"
        door.unlink(missing_ok=True)
        launcher(folder, door)
        self._start("warm", "python", str(Path(__file__).with_name("flower_warm.py")), str(door))
        wait_until(door.exists, 120)
        self.environment["PATH"] = f"{folder}{os.pathsep}{self.environment['PATH']}"

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
    """One run to its end; what its server app reported. A run that has left a report in the folder is not repeated."""
    report = federation.folder / "_".join(["report", *(str(config[key]) for key in NAMED)])
    if report.exists():
        return {**config, **json.loads(report.read_text())}
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


def unpacked(path: str, folder: Path) -> str:
    """A copy of an .npz that is read at once, without inflating: every task of every client reads it."""
    if not path:
        return ""
    copy = folder / "data.npz"
    with np.load(path) as archive:
        np.savez(copy, **archive)
    return str(copy)


def kill_in_mid_run(federation: Federation, which: str, config: dict[str, Any], longest: float) -> None:
    """Kill a node or the link in the third round, start it again, and say what became of the run."""
    saved, report = federation.folder / "model.wcz", federation.folder / "report_killed.json"
    config |= {"checkpoint": str(saved), "report": str(report)}
    process = federation.run(**config)
    wait_until(lambda: rounds_in(saved) >= 2 or process.poll() is not None, longest)
    name = "node1" if which == "node" else "superlink"
    federation.kill(name)
    print(f"killed {name} after round {rounds_in(saved)}", flush=True)
    if which == "link":
        print(f"the run ended with code {process.wait(longest)}; its log: {tail_of(federation.folder / 'run.log')}")
        federation.start_link()
        print(f"whole by digest: round {rounds_in(saved)}, model {wcodec.delta.digest(saved).hex()}", flush=True)
        process = federation.run(**config)
    else:
        federation.start_node(1)
    print(f"started {name} again", flush=True)
    wait_until(lambda: report.exists() or process.poll() is not None, longest)
    time.sleep(1)
    if not report.exists():
        raise SystemExit(f"the run ended with code {process.poll()}; its log: {tail_of(federation.folder / 'run.log')}")
    found = json.loads(report.read_text())
    found |= {"errors": sum(row["errors"] for row in found["traffic"]), "rounds_saved": rounds_in(saved)}
    found["frames"] = [row["frames"] for row in found.pop("traffic")]
    print(json.dumps({"killed": which, **found, "digest": wcodec.delta.digest(saved).hex()}), flush=True)
    if process.poll() is None:
        process.terminate()


def rounds_in(path: Path) -> int:
    """Rounds that made the model of a checkpoint, which is read to its end and held to its digest; 0 without one."""
    if not path.exists():
        return 0
    with wcodec.safe_open(path.read_bytes()) as file:
        for name in file:
            file.get_tensor(name)
        return int(file.metadata()["rounds"])


def tail_of(path: Path) -> list[str]:
    """The last lines of a log."""
    return path.read_text().strip().splitlines()[-3:]


def wait_until(condition: Callable[[], bool], longest: float) -> None:
    """Until it holds."""
    end = time.monotonic() + longest
    while not condition():
        if time.monotonic() > end:
            raise SystemExit(f"nothing happened in {longest:.0f} s; see the logs")
        time.sleep(0.3)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--nodes", type=int, default=4)
    parser.add_argument("--rounds", type=int, default=30)
    parser.add_argument("--seeds", type=int, nargs="+", default=[0])
    parser.add_argument("--strategies", nargs="+", default=["FedAvg"])
    parser.add_argument("--coarseness", type=float, nargs="*", default=[4.0], help="none: the plain run alone")
    parser.add_argument("--frame", type=float, default=0.5)
    parser.add_argument("--data", default="", help="mnist.npz; scikit-learn's digits without")
    parser.add_argument("--timeout", type=float, default=3600, help="seconds of one run")
    parser.add_argument("--kill", choices=["node", "link"])
    parser.add_argument("--logs", help="folder for logs and reports, to be gone on with; a temporary one without")
    parser.add_argument("--warm", action="store_true", help="fork client tasks from a process that has Flower loaded")
    arguments = parser.parse_args()
    with ExitStack() as stack:
        folder = Path(arguments.logs or stack.enter_context(tempfile.TemporaryDirectory())).resolve()
        federation = stack.enter_context(Federation(arguments.nodes, folder, bool(arguments.kill), arguments.warm))
        data = unpacked(arguments.data, folder)
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
