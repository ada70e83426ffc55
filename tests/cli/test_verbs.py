"""The verbs of `wcz` in one process: what they write, print and return."""

import io
import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("rich", reason="needs the extra cli")
click_testing = pytest.importorskip("click.testing", reason="needs the extra cli")

import wcodec  # noqa: E402
from wcodec.cli.group import wcz  # noqa: E402

TENSORS = {
    "conv/kernel": np.arange(-18, 18, dtype=np.float32).reshape(3, 3, 2, 2) / 8,
    "conv/bias": np.array([0.5, -0.25], np.float32),
    "steps": np.array(7, np.int64),
}


def run(*arguments: str | Path, stdin: bytes | None = None):
    return click_testing.CliRunner().invoke(wcz, [str(a) for a in arguments], input=stdin)


@pytest.fixture
def npz(tmp_path: Path) -> Path:
    np.savez(tmp_path / "model.npz", **TENSORS)
    return tmp_path / "model.npz"


@pytest.fixture
def wcz_file(tmp_path: Path) -> Path:
    wcodec.save_file(TENSORS, tmp_path / "model.wcz", metadata={"trained on": "nothing"})
    return tmp_path / "model.wcz"


def assert_same(decoded: dict[str, np.ndarray]) -> None:
    assert list(decoded) == list(TENSORS)
    for name, array in TENSORS.items():
        assert decoded[name].dtype == array.dtype
        assert np.array_equal(decoded[name], array)


def test_encode_writes_what_the_library_writes(npz: Path, tmp_path: Path) -> None:
    done = run("encode", npz, tmp_path / "out.wcz", "--coder", "elias_gamma", "--metadata", "a=b=c")
    assert done.exit_code == 0
    expected = wcodec.encode(npz, coder="elias_gamma", metadata={"a": "b=c"}).data
    assert (tmp_path / "out.wcz").read_bytes() == expected
    assert done.stdout == ""
    assert f"3 tensors, {len(expected)} bytes" in done.stderr


def test_a_base_makes_a_delta_and_takes_it(npz: Path, tmp_path: Path) -> None:
    v1, v2, delta, out = (tmp_path / name for name in ("v1.wcz", "v2.npz", "v2.wcz.delta", "out.npz"))
    run("encode", npz, v1, "--lossless")
    np.savez(v2, **{**TENSORS, "conv/bias": np.array([0.5, -0.5], np.float32)})
    assert run("encode", v2, delta, "--lossless", "--base", v1, "--threads", "2").exit_code == 0
    assert delta.read_bytes() == wcodec.encode(v2, lossless=True, base=v1).data
    assert run("decode", delta, out).stderr.startswith("error: this is a delta file; decode it with its base, ")
    assert run("decode", delta, out, "--base", v1, "--threads", "2").exit_code == 0
    with np.load(out) as arrays:
        assert arrays["conv/bias"].tolist() == [0.5, -0.5]
        assert arrays["conv/kernel"].tobytes() == TENSORS["conv/kernel"].tobytes()


def test_python_m_wcodec_is_wcz() -> None:
    done = subprocess.run([sys.executable, "-m", "wcodec", "--version"], capture_output=True, text=True, check=True)
    assert done.stdout == f"wcz, version {wcodec.__version__}\n"


def test_encode_reports_as_json(npz: Path, tmp_path: Path) -> None:
    done = run("encode", npz, tmp_path / "out.wcz", "--lossless", "--json")
    report = json.loads(done.stdout)
    assert report["original_nbytes"] == 36 * 4 + 2 * 4 + 8
    assert report["nbytes"] == (tmp_path / "out.wcz").stat().st_size
    assert report["nbytes"] == report["payload_nbytes"] + report["overhead_nbytes"]
    assert [row["name"] for row in report["tensors"]] == ["conv/kernel", "conv/bias", "steps"]
    assert report["tensors"][0]["shape"] == [3, 3, 2, 2]


def test_bits_per_weight_reaches_the_library(tmp_path: Path) -> None:
    weights = np.random.default_rng(0).normal(size=(128, 128)).astype(np.float32)
    np.savez(tmp_path / "w.npz", w=weights)
    done = run("encode", tmp_path / "w.npz", tmp_path / "w.wcz", "--bits-per-weight", "3", "--json")
    assert 2.5 < json.loads(done.stdout)["bits_per_weight"] <= 3


def test_digest_can_be_asked_for(npz: Path, tmp_path: Path) -> None:
    run("encode", npz, tmp_path / "with.wcz", "--digest")
    run("encode", npz, tmp_path / "without.wcz", "--no-digest")
    assert wcodec.verify(tmp_path / "with.wcz").digest
    assert not wcodec.verify(tmp_path / "without.wcz").digest


def test_encode_and_decode_through_pipes(npz: Path) -> None:
    encoded = run("encode", "-", "-", "--from", "npz", "--lossless", "--json", stdin=npz.read_bytes())
    assert json.loads(encoded.stderr)["nbytes"] == len(encoded.stdout_bytes)
    decoded = run("decode", "-", "-", "--to", "npz", stdin=encoded.stdout_bytes)
    assert decoded.exit_code == 0
    with np.load(io.BytesIO(decoded.stdout_bytes)) as arrays:
        assert_same({name: arrays[name] for name in TENSORS})


def test_decode_to_npz(wcz_file: Path, tmp_path: Path) -> None:
    done = run("decode", wcz_file, tmp_path / "out.npz", "--json")
    assert json.loads(done.stdout) == {
        "file": str(wcz_file),
        "out": str(tmp_path / "out.npz"),
        "tensors": 3,
        "nbytes_decoded": 160,
    }
    with np.load(tmp_path / "out.npz") as arrays:
        assert set(arrays.files) == set(TENSORS)
        assert_same({name: arrays[name] for name in TENSORS})


def test_decode_to_safetensors_gives_the_published_layout(tmp_path: Path) -> None:
    wcodec.save_file({"a": np.array([1.0, -2.0], np.float32), "b": np.array([True])}, tmp_path / "m.wcz")
    assert run("decode", tmp_path / "m.wcz", tmp_path / "m.safetensors").exit_code == 0
    header = (
        b'{"a":{"dtype":"F32","shape":[2],"data_offsets":[0,8]},"b":{"dtype":"BOOL","shape":[1],"data_offsets":[8,9]}}'
    )
    padded = header + b" " * (-len(header) % 8)
    expected = len(padded).to_bytes(8, "little") + padded + bytes.fromhex("0000803f000000c001")
    assert (tmp_path / "m.safetensors").read_bytes() == expected


def test_decode_to_safetensors_is_read_by_safetensors(tmp_path: Path) -> None:
    safetensors = pytest.importorskip("safetensors.numpy", reason="needs the extra safetensors")
    tensors = {"half": np.arange(4, dtype=np.float16), "none": np.zeros((0, 3), np.float32), **TENSORS}
    wcodec.save_file(tensors, tmp_path / "m.wcz")
    run("decode", tmp_path / "m.wcz", tmp_path / "m.safetensors")
    read = safetensors.load_file(tmp_path / "m.safetensors")
    assert {name: (a.dtype, a.shape) for name, a in read.items()} == {n: (a.dtype, a.shape) for n, a in tensors.items()}
    assert all(np.array_equal(read[name], array) for name, array in tensors.items())


def test_npz_refuses_what_npy_cannot_name(tmp_path: Path) -> None:
    import ml_dtypes

    wcodec.save_file({"w": np.ones(3, ml_dtypes.bfloat16)}, tmp_path / "m.wcz")
    done = run("decode", tmp_path / "m.wcz", tmp_path / "m.npz")
    assert done.exit_code == 1
    assert done.stderr == "error: tensor 'w': .npz cannot hold bfloat16; write .safetensors\n"
    assert not (tmp_path / "m.npz").exists()


def test_inspect_prints_columns_where_there_is_no_terminal(wcz_file: Path) -> None:
    lines = run("inspect", wcz_file).stdout.splitlines()
    rows = wcodec.safe_open(wcz_file).tensor_details()
    assert lines[0] == "name\tdtype\tshape\tkind\tcoder\tbytes\tbits/weight"
    assert lines[1] == f"conv/kernel\tfloat32\t3x3x2x2\tdense\tfloat_planes\t{rows[0].nbytes}/3\t"
    assert lines[3].startswith("steps\tint64\tscalar\tdense\t")
    assert lines[4] == "trained on=nothing"
    assert lines[5].startswith(f"3 tensors, 39 weights, {wcz_file.stat().st_size} bytes (")
    assert lines[5].endswith("no graph")


def test_inspect_as_json_counts_a_shared_chunk_once(wcz_file: Path) -> None:
    report = json.loads(run("inspect", wcz_file, "--json").stdout)
    assert report["metadata"] == {"trained on": "nothing"}
    assert report["graph"] is False
    assert report["weights"] == 39
    assert report["original_nbytes"] == 160
    assert report["payload_nbytes"] == report["tensors"][0]["nbytes"]
    assert {row["shared_by"] for row in report["tensors"]} == {3}


def test_inspect_reads_a_pipe(wcz_file: Path) -> None:
    report = json.loads(run("inspect", "-", "--json", stdin=wcz_file.read_bytes()).stdout)
    assert report["nbytes"] == wcz_file.stat().st_size


def test_verify(wcz_file: Path) -> None:
    assert run("verify", wcz_file).stdout == (
        f"{wcz_file}: sound: 3 tensors, 160 bytes decoded, checksums agree (no digest in the file)\n"
    )
    assert json.loads(run("verify", wcz_file, "--json").stdout) == {
        "file": str(wcz_file),
        "tensors": 3,
        "nbytes_decoded": 160,
        "digest": False,
    }


def test_version_and_help() -> None:
    assert run("--version").stdout == f"wcz, version {wcodec.__version__}\n"
    for verb in wcz.commands:
        assert run(verb, "--help").exit_code == 0
