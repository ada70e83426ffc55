"""A decoder costs no framework: what importing wcodec and decoding needs and holds, in processes of their own."""

import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

import wcodec

ROOT = Path(__file__).parents[2]
DATA = Path(os.environ.get("WCODEC_DATA", ROOT.parent / "shared" / "data"))
RESNET20 = DATA / "models" / "resnet20.safetensors"
MAX_RESIDENT = 60 * 2**20

# Blocks every import outside the edge set, decodes argv[1] and reports what it found.
DECODE = """
import sys
EDGE = {*sys.stdlib_module_names, "numpy", "msgpack", "ml_dtypes", "wcodec"}
class Blocker:
    @staticmethod
    def find_spec(name, path=None, target=None):
        if name.partition(".")[0] not in EDGE:
            raise ModuleNotFoundError(name, name=name)
sys.meta_path.insert(0, Blocker())
import json, pathlib
import wcodec
tensors = wcodec.decode(sys.argv[1])
status = pathlib.Path("/proc/self/status")
lines = status.read_text().splitlines() if status.exists() else []
above = {
    "fitting", "train", "frontends", "plan", "encoder", "next_version", "federated", "loading", "tensor_files", "cli",
}
print(json.dumps({
    "sums": {name: float(array.astype("float64").sum()) for name, array in tensors.items()},
    "above": [m for m in sys.modules if m.startswith("wcodec.") and m.split(".")[1] in above],
    "peak": [int(line.split()[1]) * 1024 for line in lines if line.startswith("VmHWM")],
}))
"""


def decode_at_the_edge(path: Path) -> dict:
    done = subprocess.run([sys.executable, "-c", DECODE, str(path)], capture_output=True, text=True, cwd=ROOT)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def test_a_decoder_imports_the_edge_set_only(tmp_path: Path) -> None:
    tensors = {"a": np.arange(12, dtype=np.float32).reshape(3, 4), "b": np.array([1, -2], np.int8)}
    wcodec.save_file(tensors, tmp_path / "small.wcz")
    found = decode_at_the_edge(tmp_path / "small.wcz")
    assert found["sums"] == {"a": 66.0, "b": -1.0}
    assert found["above"] == []


def test_a_float_tensor_with_steps_decodes_at_the_edge(tmp_path: Path) -> None:
    weight = np.linspace(-1, 1, 64, dtype=np.float32).reshape(8, 8)
    wcodec.encode({"w": weight}, tmp_path / "near.wcz")
    found = decode_at_the_edge(tmp_path / "near.wcz")
    assert found["sums"]["w"] == float(wcodec.decode(tmp_path / "near.wcz")["w"].astype(np.float64).sum())


@pytest.mark.skipif(not RESNET20.exists(), reason=f"needs the real model {RESNET20.name} (WCODEC_DATA)")
@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="reads resident memory from /proc")
def test_decoding_resnet20_stays_below_60_mb(tmp_path: Path) -> None:
    wcodec.encode(RESNET20, tmp_path / "resnet20.wcz")
    found = decode_at_the_edge(tmp_path / "resnet20.wcz")
    assert len(found["sums"]) > 20
    (peak,) = found["peak"]
    assert peak < MAX_RESIDENT, f"{peak / 2**20:.1f} MiB"
