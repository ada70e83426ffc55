"""The page of examples/browser in headless Chromium: tensors stream in by ranges, and drawn digits are recognized."""

import base64
import importlib.util
import json
import os
import shutil
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
BROWSER = ROOT / "examples" / "browser"
FLAGS = [
    "--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run",
    "--disable-background-networking", "--disable-component-update", "--disable-sync", "--disable-dev-shm-usage",
    "--window-size=1000,960", "--remote-debugging-pipe",
]  # fmt: skip
PATIENCE = 120  # seconds, on a busy machine

# Strokes on the canvas of 240 x 240.
DIGITS = [
    [[(120, 30), (80, 50), (65, 120), (80, 190), (120, 210), (160, 190), (175, 120), (160, 50), (120, 30)]],
    [[(95, 60), (125, 30), (125, 210)]],
    [[(75, 70), (100, 35), (145, 35), (165, 75), (140, 120), (70, 205), (170, 205)]],
    [[(75, 45), (120, 30), (160, 60), (120, 110), (165, 150), (150, 195), (110, 210), (70, 190)]],
    [[(150, 210), (150, 30), (65, 150), (180, 150)]],
    [[(165, 35), (90, 35), (80, 110), (130, 105), (165, 140), (150, 195), (105, 210), (70, 190)]],
    [[(150, 35), (95, 90), (75, 150), (95, 205), (145, 205), (165, 165), (140, 130), (85, 150)]],
    [[(70, 40), (170, 40), (130, 120), (110, 210)], [(90, 125), (160, 120)]],
    [[(120, 115), (80, 75), (120, 35), (160, 75), (120, 115), (75, 165), (120, 210), (165, 165), (120, 115)]],
    [[(160, 80), (120, 110), (80, 80), (110, 35), (155, 50), (160, 80), (150, 150), (120, 210)]],
]


class SilentHandler(SimpleHTTPRequestHandler):
    """Python's own server, which has no ranges."""

    def log_message(self, *args: object) -> None:
        pass


class Chromium:
    """A browser that is told what to do over its debugging pipe (Chrome DevTools Protocol)."""

    def __init__(self, program: str, profile: Path) -> None:
        (read_here, write_there), (read_there, write_here) = os.pipe(), os.pipe()
        command = [program, *FLAGS, f"--user-data-dir={profile}", "about:blank"]
        # The browser reads commands from descriptor 3 and writes answers to 4.
        script = 'exec "$@" 3<&"$0" 4>&"$WRITE_TO"'
        self.process = subprocess.Popen(
            ["bash", "-c", script, str(read_there), *command],
            pass_fds=(read_there, write_there),
            env={**os.environ, "WRITE_TO": str(write_there)},
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        os.close(read_there)
        os.close(write_there)
        self.commands, self.answers = os.fdopen(write_here, "wb"), os.fdopen(read_here, "rb")
        self.count, self.session, self.rest = 0, None, b""

    def call(self, method: str, **params: object) -> dict:
        self.count += 1
        message = {"id": self.count, "method": method, "params": params}
        if self.session:
            message["sessionId"] = self.session
        self.commands.write(json.dumps(message).encode() + b"\0")
        self.commands.flush()
        while True:
            answer = json.loads(self._next())
            if answer.get("id") == self.count:
                assert "error" not in answer, answer
                return answer["result"]

    def _next(self) -> bytes:
        while b"\0" not in self.rest:
            data = os.read(self.answers.fileno(), 1 << 20)
            assert data, "the browser is gone"
            self.rest += data
        message, _, self.rest = self.rest.partition(b"\0")
        return message

    def open(self, url: str) -> None:
        target = self.call("Target.createTarget", url=url)["targetId"]
        self.session = self.call("Target.attachToTarget", targetId=target, flatten=True)["sessionId"]

    def evaluate(self, expression: str) -> object:
        return self.call("Runtime.evaluate", expression=expression, returnByValue=True)["result"].get("value")

    def wait_for(self, expression: str) -> None:
        end = time.monotonic() + PATIENCE
        while not self.evaluate(expression):
            assert time.monotonic() < end, f"{expression} does not become true"
            time.sleep(0.1)

    def draw(self, strokes: list[list[tuple[int, int]]]) -> None:
        x0, y0 = self.evaluate("(r => [r.x + 1, r.y + 1])(document.getElementById('canvas').getBoundingClientRect())")
        for stroke in strokes:
            kinds = ["mousePressed", *["mouseMoved"] * (len(stroke) - 1), "mouseReleased"]
            for kind, (x, y) in zip(kinds, [*stroke, stroke[-1]], strict=True):
                button = {"button": "left", "buttons": 0 if kind == "mouseReleased" else 1, "clickCount": 1}
                self.call("Input.dispatchMouseEvent", type=kind, x=x0 + x, y=y0 + y, **button)

    def close(self) -> None:
        self.process.terminate()
        self.process.wait(30)
        self.commands.close()
        self.answers.close()


def load(name: str):
    spec = importlib.util.spec_from_file_location(name, BROWSER / f"{name}.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The page and what it loads."""
    missing = [program for program in ("clang", "wasm-ld") if not shutil.which(program)]
    if missing and not importlib.util.find_spec("ziglang"):
        pytest.skip(f"the page needs {', '.join(missing)}")
    pytest.importorskip("sklearn", reason="the page's network needs scikit-learn")
    folder = tmp_path_factory.mktemp("page")
    environment = {**os.environ, "OMP_NUM_THREADS": "1"}  # more threads train so small a network three times as long
    subprocess.run([sys.executable, BROWSER / "build.py", folder], check=True, env=environment)
    return folder


@contextmanager
def serving(httpd: ThreadingHTTPServer) -> Iterator[str]:
    """The URL of the page."""
    thread = threading.Thread(target=httpd.serve_forever, daemon=True)
    thread.start()
    yield f"http://127.0.0.1:{httpd.server_port}/index.html"
    httpd.shutdown()
    httpd.server_close()
    thread.join()


@pytest.fixture
def browser(tmp_path: Path):
    program = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
    if program is None:
        pytest.skip("no Chromium")
    browser = Chromium(program, tmp_path / "profile")
    yield browser
    browser.close()


STATUS = "document.getElementById('status').textContent"
ROWS = "[...document.querySelectorAll('#layers tr')].map(r => [...r.cells].map(c => c.textContent))"


def opened(browser: Chromium, url: str) -> tuple[str, list[list[str]]]:
    """What the page says when it has loaded, and its table."""
    browser.open(url)
    browser.wait_for(f"document.body?.dataset.ready || {STATUS}.includes('cannot')")
    return browser.evaluate(STATUS), browser.evaluate(ROWS)


def test_digits_are_recognized(folder: Path, browser: Chromium) -> None:
    with serving(load("serve").server(folder)) as url:
        status, rows = opened(browser, url)
    nbytes = (folder / "digits.wcz").stat().st_size
    assert status.startswith(f"{nbytes} bytes of digits.wcz in {-(-nbytes // 512)} ranges"), status
    assert [row[:4] for row in rows] == [
        ["dense/kernel", "float32", "64 x 160", "dense"],
        ["dense/bias", "float32", "160", "dense"],
        ["dense_1/bias", "float32", "64", "dense"],
        ["dense_2/kernel", "float32", "64 x 10", "dense"],
        ["dense_2/bias", "float32", "10", "dense"],
        ["dense_1/kernel", "float32", "160 x 64", "dense"],
    ]
    assert rows[0][4] != rows[-1][4]  # the first layer is there before the file is
    for digit, strokes in enumerate(DIGITS):
        browser.evaluate("document.getElementById('clear').click()")
        browser.draw(strokes)
        assert browser.evaluate("document.getElementById('digit').textContent") == str(digit)
    image = base64.b64decode(browser.call("Page.captureScreenshot", format="png")["data"])
    assert len(image) > 5000
    if wanted := os.environ.get("WCODEC_SCREENSHOTS"):
        (Path(wanted) / "browser.png").write_bytes(image)


def test_a_server_without_ranges_gives_one_piece(folder: Path, browser: Chromium) -> None:
    httpd = ThreadingHTTPServer(("127.0.0.1", 0), partial(SilentHandler, directory=str(folder)))
    with serving(httpd) as url:
        status, rows = opened(browser, url)
    assert "in one piece: the server has no ranges" in status
    assert len(rows) == 6


def test_a_damaged_file_is_said_to_be_one(folder: Path, browser: Chromium, tmp_path: Path) -> None:
    shutil.copytree(folder, tmp_path / "damaged")
    path = tmp_path / "damaged" / "digits.wcz"
    data = bytearray(path.read_bytes())
    data[-100] ^= 1
    path.write_bytes(data)
    with serving(load("serve").server(tmp_path / "damaged")) as url:
        status, _ = opened(browser, url)
    assert status == "digits.wcz cannot be used: error 4: ChecksumError"
