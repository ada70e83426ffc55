"""A feed with versions of a small network, a signing key, and a real server for it."""

from __future__ import annotations

import contextlib
import socket
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from types import TracebackType
from urllib.parse import urlsplit

import numpy as np
import pytest

import wcodec
from tests.loopback import free_port, until_answers

VERSIONS = 20


def model_bytes(number: int) -> bytes:
    """Version `number` of a network of 41,600 weights: each moves a tenth of them by one step or two."""
    generator = np.random.default_rng(7)
    symbols = generator.integers(-20, 21, (160, 260))
    for _ in range(1, number):
        symbols = symbols + generator.integers(-2, 3, symbols.shape) * (generator.random(symbols.shape) < 0.1)
    return wcodec.save({"fc/kernel": symbols.astype(np.int32), "fc/bias": np.arange(260, dtype=np.float32) + number})


@pytest.fixture(scope="session")
def models(tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    """Model files of versions 1 to 20; index 0 is version 1."""
    directory = tmp_path_factory.mktemp("models")
    paths = [directory / f"v{number}.wcz" for number in range(1, VERSIONS + 1)]
    for number, path in enumerate(paths, 1):
        path.write_bytes(model_bytes(number))
    return paths


@pytest.fixture(scope="session")
def full_feed(models: list[Path], tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A feed with all versions; read it only."""
    directory = tmp_path_factory.mktemp("feed")
    for path in models:
        wcodec.feed.publish(path, directory)
    return directory


@pytest.fixture(scope="session")
def keys(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """PEM files of an Ed25519 private key and its public key."""
    pytest.importorskip("cryptography", reason="needs the extra sign")
    from cryptography.hazmat.primitives import serialization as pem
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

    directory = tmp_path_factory.mktemp("keys")
    key = Ed25519PrivateKey.from_private_bytes(bytes(range(32)))
    private, public = directory / "private.pem", directory / "public.pem"
    private.write_bytes(key.private_bytes(pem.Encoding.PEM, pem.PrivateFormat.PKCS8, pem.NoEncryption()))
    public.write_bytes(key.public_key().public_bytes(pem.Encoding.PEM, pem.PublicFormat.SubjectPublicKeyInfo))
    return private, public


@pytest.fixture
def serve(unused_port: int) -> Iterator[Callable[[Path], tuple[str, subprocess.Popen[bytes]]]]:
    """`wcz serve` as a process of its own: directory -> (URL, process)."""
    pytest.importorskip("uvicorn", reason="needs the extra serve")
    pytest.importorskip("click", reason="needs the extra cli")
    processes: list[subprocess.Popen[bytes]] = []

    def start(directory: Path) -> tuple[str, subprocess.Popen[bytes]]:
        command = [sys.executable, "-c", "from wcodec.cli.main import main; main()", "serve", str(directory)]
        process = subprocess.Popen([*command, "--port", str(unused_port)])
        processes.append(process)
        url = f"http://127.0.0.1:{unused_port}"
        until_answers(f"{url}/manifest")
        return url, process

    yield start
    for process in processes:
        process.kill()
        process.wait()


@pytest.fixture
def unused_port() -> int:
    """A port of the loopback interface that nobody listens on."""
    return free_port()


class Relay:
    """Passes connections on to a server and resets them after `budget` bytes of answers, whatever they are part of.

    Attributes:
        url: of the relay.
        budget: bytes of answers that it still passes on; None for all.
    """

    def __init__(self, url: str) -> None:
        self.budget: int | None = None
        self._server = (urlsplit(url).hostname, urlsplit(url).port)
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.url = f"http://127.0.0.1:{self._listener.getsockname()[1]}"
        threading.Thread(target=self._accept, daemon=True).start()

    def __enter__(self) -> Relay:
        return self

    def __exit__(self, kind: type[BaseException] | None, e: BaseException | None, tb: TracebackType | None) -> None:
        self._listener.close()

    def _accept(self) -> None:
        with contextlib.suppress(OSError):
            while True:
                client = self._listener.accept()[0]
                threading.Thread(target=self._pass_on, args=(client,), daemon=True).start()

    def _pass_on(self, client: socket.socket) -> None:
        with client, socket.create_connection(self._server) as server, contextlib.suppress(OSError):
            threading.Thread(target=self._requests, args=(client, server), daemon=True).start()
            while data := server.recv(1024):
                if self.budget is not None:
                    data, self.budget = data[: self.budget], self.budget - len(data)
                client.sendall(data)
                if self.budget is not None and self.budget <= 0:
                    self.budget = 0
                    client.shutdown(socket.SHUT_RDWR)
                    return

    @staticmethod
    def _requests(client: socket.socket, server: socket.socket) -> None:
        with contextlib.suppress(OSError):
            while data := client.recv(4096):
                server.sendall(data)


@pytest.fixture
def relay() -> type[Relay]:
    """URL of a server -> a relay before it that cuts connections."""
    return Relay
