"""Every example runs and prints what it promises."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

EXAMPLES = Path(__file__).parents[2] / "examples"
PRINTED = {
    "cifar10_compression.py": """\
alpha ended at exactly 0: True
local3 and local4 are low rank: True
the file is smaller than the dense one: True
accuracy within 5 points of the dense net's: True
""",
    "cifar10_pruning.py": """\
nine weights of ten are zero, exactly: True
the stripped model has the same zeros: True
more than 4 times smaller than the dense file: True
""",
    "mnist_eager_compression.py": """\
the kernels are about half as many numbers: True
the decoded file is right on 85 digits of 100: True
""",
    "edge_stream.py": """\
layers: 10, the last one: 10/10 softmax
same classes through the pipe and from the file: 16 of 16
""",
    "own_factorization.py": """\
training lowers the loss more than 100 times: True
kind: example.kronecker
more than 50 times smaller: True
another process decodes the same weights: True
""",
    "stream_to_a_device.py": """\
954,040 bytes of weights; at most 3 bits each: True
hidden/kernel (784, 300): largest error below 0.1: True
hidden/bias (300,): largest error below 0.1: True
out/kernel (300, 10): largest error below 0.1: True
out/bias (10,): largest error below 0.1: True
""",
    "train_small.py": """\
decoded weights equal the trained ones, bit for bit: True
more than 8 times smaller: True
numpy and Keras predict the same classes: True
""",
}


def test_no_example_is_forgotten() -> None:
    assert {path.name for path in EXAMPLES.glob("*.py")} == set(PRINTED)


@pytest.mark.parametrize("name", sorted(PRINTED))
def test_example(name: str) -> None:
    if "keras" in (EXAMPLES / name).read_text():
        pytest.importorskip("keras", reason="needs the extra tensorflow")
    environment = {**os.environ, "TF_CPP_MIN_LOG_LEVEL": "3", "PYTHONPATH": str(EXAMPLES.parent)}
    done = subprocess.run([sys.executable, EXAMPLES / name], capture_output=True, text=True, env=environment)
    assert done.returncode == 0, done.stderr
    assert done.stdout == PRINTED[name]
