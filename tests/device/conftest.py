"""libwcz, amalgamated and built by every compiler and for every machine that is there."""

import importlib.util
import shutil
import subprocess
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
HERE = Path(__file__).parent
WARNINGS = ["-Wall", "-Wextra", "-Werror"]
WASM = ["--target=wasm32", "-ffreestanding", "-nostdlib", "-mbulk-memory", "-Wl,--no-entry", "-Wl,--strip-all"]


@dataclass(frozen=True)
class Target:
    """One way to build libwcz and to run it.

    Attributes:
        name: of the test.
        needs: programs that it takes.
        compile: the compiler and its flags, without sources.
        run: what stands before the program to run it.
    """

    name: str
    needs: tuple[str, ...]
    compile: tuple[str, ...]
    run: tuple[str, ...] = ()

    @property
    def missing(self) -> list[str]:
        return [program for program in self.needs if not shutil.which(program)]


ARM = "arm-linux-gnueabihf-gcc"
# Not optimized: what is optimized away is not checked, and it compiles in a seventh of the time.
SANITIZED = ("-g", "-O0", "-fsanitize=address,undefined", "-fno-sanitize-recover=all")
TARGETS = [
    Target("gcc_c99", ("gcc",), ("gcc", "-std=c99", "-pedantic", "-O2")),
    Target("gcc_cpp", ("g++",), ("g++", "-x", "c++", "-O1")),
    Target("clang_c99", ("clang",), ("clang", "-std=c99", "-pedantic", "-O2")),
    Target("clang_cpp", ("clang++",), ("clang++", "-x", "c++", "-O1")),
    Target("sanitizers", ("clang",), ("clang", "-std=c99", *SANITIZED)),
    Target("arm_qemu", (ARM, "qemu-arm"), (ARM, "-std=c99", "-pedantic", "-Os", "-mthumb", "-static"), ("qemu-arm",)),
    Target("wasm_node", ("clang", "wasm-ld", "node"), ("clang", "-std=c99", "-Os", *WASM)),
]


@pytest.fixture(scope="session")
def amalgamation(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with wcz.c and wcz.h."""
    spec = importlib.util.spec_from_file_location("amalgamate", ROOT / "tools" / "amalgamate.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    folder = tmp_path_factory.mktemp("libwcz")
    module.write(folder)
    return folder


@pytest.fixture(scope="session")
def build(amalgamation: Path) -> Callable[[Target], list[str]]:
    """Target -> the command that dumps files (dump.c); skips where a program is missing."""
    built: dict[str, list[str]] = {}

    def run(target: Target) -> list[str]:
        if target.missing:
            pytest.skip(f"{target.name} needs {', '.join(target.missing)}")
        if target.name not in built:
            built[target.name] = compile_dump(target, amalgamation)
        return built[target.name]

    return run


@pytest.fixture(scope="session", params=TARGETS, ids=lambda target: target.name)
def command(request: pytest.FixtureRequest, build: Callable[[Target], list[str]]) -> list[str]:
    """The dump program of each target."""
    return build(request.param)


@pytest.fixture(scope="session")
def native(build: Callable[[Target], list[str]]) -> list[str]:
    """The dump program of the first compiler of this machine that is there."""
    there = [target for target in TARGETS if not target.missing and "node" not in target.needs]
    if not there:
        pytest.skip("no C compiler")
    return build(there[0])


def compile_dump(target: Target, folder: Path) -> list[str]:
    wasm = target.run == () and "node" in target.needs
    main = ROOT / "examples" / "browser" / "wcz_wasm.c" if wasm else HERE / "dump.c"
    program = folder / target.name
    command = [*target.compile, *WARNINGS, f"-I{folder}", main, folder / "wcz.c", "-o", program]
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    if wasm:
        return ["node", str(HERE / "dump.mjs"), str(ROOT / "examples" / "browser" / "wcz.js"), str(program)]
    return [*target.run, str(program)]
