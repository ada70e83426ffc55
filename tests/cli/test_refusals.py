"""How `wcz` fails: exit codes, one line of text, an output path left as it was."""

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("rich", reason="needs the extra cli")
click_testing = pytest.importorskip("click.testing", reason="needs the extra cli")

import wcodec  # noqa: E402
from wcodec.cli.group import wcz  # noqa: E402


def run(*arguments: str | Path, stdin: bytes | None = None):
    return click_testing.CliRunner().invoke(wcz, [str(a) for a in arguments], input=stdin)


@pytest.fixture
def damaged(tmp_path: Path) -> Path:
    data = bytearray(wcodec.save({"w": np.arange(9000, dtype=np.float32).reshape(90, 100)}))
    data[-20] ^= 1
    (tmp_path / "damaged.wcz").write_bytes(data)
    return tmp_path / "damaged.wcz"


@pytest.mark.parametrize("verb", ["verify", "inspect", "decode"])
def test_a_file_that_is_none(verb: str, tmp_path: Path) -> None:
    (tmp_path / "junk.wcz").write_bytes(b"not a model at all")
    done = run(verb, tmp_path / "junk.wcz", *([tmp_path / "out.npz"] if verb == "decode" else []))
    assert done.exit_code == 1
    assert done.stdout == ""
    assert done.stderr == "error: this is not a .wcz file\n"


def test_verify_finds_a_flipped_bit(damaged: Path) -> None:
    done = run("verify", damaged)
    assert done.exit_code == 1
    assert done.stderr.startswith("error: tensor 'w': CRC-32 of chunk b'T' at byte ")
    assert "Traceback" not in done.output


@pytest.mark.parametrize("place", ["before", "after"])
def test_debug_shows_the_traceback(damaged: Path, place: str) -> None:
    words = ("--debug", "verify", damaged) if place == "before" else ("verify", damaged, "--debug")
    assert isinstance(run(*words).exception, wcodec.WczError)


@pytest.mark.parametrize("suffix", ["npz", "safetensors"])
def test_a_failed_decode_leaves_the_output_alone(damaged: Path, tmp_path: Path, suffix: str) -> None:
    out = tmp_path / f"out.{suffix}"
    out.write_bytes(b"precious")
    assert run("decode", damaged, out).exit_code == 1
    assert out.read_bytes() == b"precious"
    assert {p.name for p in tmp_path.iterdir()} == {"damaged.wcz", out.name}


def test_a_failed_encode_leaves_the_output_alone(tmp_path: Path) -> None:
    np.savez(tmp_path / "nan.npz", fine=np.ones((4, 4), np.float32), bad=np.full((4, 4), np.nan, np.float32))
    out = tmp_path / "out.wcz"
    out.write_bytes(b"precious")
    done = run("encode", tmp_path / "nan.npz", out)
    assert done.exit_code == 1
    assert done.stderr.startswith("error: tensor 'bad': NaN or infinity")
    assert out.read_bytes() == b"precious"
    assert {p.name for p in tmp_path.iterdir()} == {"nan.npz", out.name}


def test_an_output_directory_that_is_missing(tmp_path: Path) -> None:
    np.savez(tmp_path / "m.npz", w=np.ones(3, np.float32))
    done = run("encode", tmp_path / "m.npz", tmp_path / "nowhere" / "out.wcz")
    assert done.exit_code == 1
    assert done.stderr.startswith("error: ")


@pytest.mark.parametrize(
    "words",
    [
        ("encode", "MODEL", "out.wcz", "--metadata", "no equals sign"),
        ("encode", "MODEL", "out.wcz", "--lossless", "--bits-per-weight", "3"),
        ("encode", "MODEL", "out.wcz", "--coder", "zip"),
        ("encode", "-", "out.wcz"),
        ("encode", "MODEL"),
        ("decode", "MODEL", "out.txt"),
        ("decode", "MODEL", "-"),
        ("inspect", "no such file"),
        ("unknown",),
    ],
    ids=" ".join,
)
def test_wrong_usage_is_exit_code_2(words: tuple[str, ...], tmp_path: Path) -> None:
    np.savez(tmp_path / "m.npz", w=np.ones(3, np.float32))
    done = run(*(str(tmp_path / "m.npz") if word == "MODEL" else word for word in words))
    assert done.exit_code == 2
    assert "Traceback" not in done.output


def test_a_model_file_of_no_known_type(tmp_path: Path) -> None:
    (tmp_path / "model.onnx").write_bytes(b"")
    done = run("encode", tmp_path / "model.onnx", tmp_path / "out.wcz")
    assert done.exit_code == 1
    assert "the suffix is none of .keras, .h5" in done.stderr


@pytest.mark.parametrize("missing", ["click", "rich"])
def test_without_the_extra_the_command_says_what_to_install(missing: str) -> None:
    program = f"import sys; sys.modules[{missing!r}] = None; from wcodec.cli.main import main; main()"
    done = subprocess.run([sys.executable, "-c", program, "inspect"], capture_output=True, text=True)
    if missing == "click":
        assert done.returncode == 1
        assert done.stderr == "error: the wcz command needs click: pip install 'wcodec[cli]'\n"
    else:  # needed for tables on a terminal only
        assert done.returncode == 2


def test_a_missing_framework_is_named_with_its_extra(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "model.keras").write_bytes(b"")
    monkeypatch.delitem(sys.modules, "keras", raising=False)
    blocker = type("NoKeras", (), {"find_spec": staticmethod(_no_keras)})
    monkeypatch.setattr(sys, "meta_path", [blocker, *sys.meta_path])
    done = run("encode", tmp_path / "model.keras", tmp_path / "out.wcz")
    assert done.exit_code == 1
    assert done.stderr == "error: No module named 'keras': pip install 'wcodec[tensorflow]'\n"


def _no_keras(name: str, path: object = None, target: object = None) -> None:
    if name == "keras":
        raise ModuleNotFoundError("No module named 'keras'", name="keras")


NOT_ARCHIVES = {
    "text.npz": (b"these are no arrays", "is not an .npz archive"),
    "cut.npz": (b"PK\x03\x04cut off", "is not an .npz archive"),
}


@pytest.mark.parametrize("name", NOT_ARCHIVES)
@pytest.mark.parametrize("verb", ["encode", "run"])
def test_inputs_that_are_no_archive(verb: str, name: str, damaged: Path, tmp_path: Path) -> None:
    content, rule = NOT_ARCHIVES[name]
    (tmp_path / name).write_bytes(content)
    np.savez(tmp_path / "m.npz", w=np.ones(3, np.float32))
    words = {
        "encode": (tmp_path / "m.npz", tmp_path / "out.wcz", "--calibration", tmp_path / name),
        "run": (damaged, tmp_path / name),
    }
    done = run(verb, *words[verb])
    assert done.exit_code == 1
    assert done.stderr == f"error: {str(tmp_path / name)!r} {rule}\n"


def test_inputs_of_objects_are_not_unpickled(damaged: Path, tmp_path: Path) -> None:
    np.savez(tmp_path / "x.npz", fine=np.ones(3), odd=np.array([print], object))
    done = run("run", damaged, tmp_path / "x.npz")
    assert done.exit_code == 1
    assert done.stderr.startswith(f"error: array 'odd' of {str(tmp_path / 'x.npz')!r} cannot be read: ")


@pytest.mark.parametrize("verb", ["inspect", "verify", "stream", "fetch"])
def test_a_protocol_that_does_not_exist(verb: str, tmp_path: Path) -> None:
    pytest.importorskip("fsspec", reason="needs the extra remote")
    done = run(verb, "nonsense://there/model.wcz", *([tmp_path / "out.wcz"] if verb == "fetch" else []))
    assert done.exit_code == 1
    assert done.stderr == "error: nonsense://there/model.wcz cannot be read: Protocol not known: nonsense\n"


NAMES = {
    "a\0b": ("npz", r"'a\x00b': .npz cannot hold a name with a NUL or of more than 65531 bytes; write .safetensors"),
    "n" * 65532: (
        "npz",
        f"'{'n' * 65532}': .npz cannot hold a name with a NUL or of more than 65531 bytes; write .safetensors",
    ),
    "__metadata__": ("safetensors", "'__metadata__': .safetensors keeps this name for itself; write .npz"),
}


@pytest.mark.parametrize("name", NAMES, ids=lambda name: name[:8].replace("\0", "0"))
def test_names_that_a_file_type_would_lose(name: str, tmp_path: Path) -> None:
    """In .npz the names "a" and "a\\0b" would be one."""
    suffix, message = NAMES[name]
    wcodec.save_file({name: np.ones(3, np.float32)}, tmp_path / "m.wcz")
    out = tmp_path / f"out.{suffix}"
    done = run("decode", tmp_path / "m.wcz", out)
    assert done.exit_code == 1
    assert done.stderr == f"error: tensor {message}\n"
    assert not out.exists()
    other = tmp_path / f"out.{'npz' if suffix == 'safetensors' else 'safetensors'}"
    assert run("decode", tmp_path / "m.wcz", other).exit_code == 0


@pytest.mark.parametrize("verb", ["inspect", "stream"])
def test_a_name_commands_no_terminal(verb: str, tmp_path: Path) -> None:
    wcodec.save_file({"a\x1b[31m\tb\nc[red]": np.ones(3, np.float32)}, tmp_path / "m.wcz", {"k": "v\x1b[2J"})
    done = run(verb, tmp_path / "m.wcz")
    assert done.exit_code == 0
    assert "\na\\x1b[31m\\tb\\nc[red]\tfloat32\t3\t" in "\n" + done.output
    assert "\x1b" not in done.output
    if verb == "inspect":
        assert "k=v\\x1b[2J\n" in done.output
