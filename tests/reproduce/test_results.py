"""The committed files of the MNIST rows: what they hold, and how well they classify."""

import os
import sys
from pathlib import Path

import numpy as np
import pytest

import wcodec

ROOT = Path(__file__).parents[2]
RESULTS = ROOT / "tools" / "reproduce" / "results"
MNIST = Path(os.environ.get("WCODEC_DATA", ROOT.parent / "shared" / "data")) / "mnist.npz"

LENET_300_100 = {
    "dense/kernel": (784, 300), "dense/bias": (300,), "layer/kernel": (300, 100), "layer/bias": (100,),
    "output/kernel": (100, 10), "output/bias": (10,),
}  # fmt: skip
LENET5_CAFFE = {
    "conv2d/kernel": (5, 5, 1, 20), "conv2d/bias": (20,), "conv/kernel": (5, 5, 20, 50), "conv/bias": (50,),
    "dense/kernel": (800, 500), "dense/bias": (500,), "output/kernel": (500, 10), "output/bias": (10,),
}  # fmt: skip
TUTORIAL = {
    "conv_1/kernel": (5, 5, 1, 20), "conv_1/bias": (20,), "conv_2/kernel": (5, 5, 20, 50), "conv_2/bias": (50,),
    "fc_1/kernel": (2450, 500), "fc_1/bias": (500,), "fc_2/kernel": (500, 10), "fc_2/bias": (10,),
}  # fmt: skip
# file -> shapes, most bytes, most errors on the 10,000 test images
ROWS = {
    "lenet_300_100": (LENET_300_100, 1600, 190),
    "lenet5_caffe": (LENET5_CAFFE, 1000, 100),
    "tutorial": (TUTORIAL, 4500, 140),
}


@pytest.mark.parametrize("name", ROWS)
def test_the_file_holds_every_tensor_of_the_classic_network(name):
    shapes, most_bytes, _ = ROWS[name]
    path = RESULTS / f"{name}.wcz"
    assert path.stat().st_size <= most_bytes
    decoded = wcodec.decode(path)
    assert {key: value.shape for key, value in decoded.items()} == shapes
    assert all(value.dtype == np.float32 for value in decoded.values())
    wcodec.verify(path)


@pytest.mark.parametrize("name", ROWS)
def test_the_decoded_network_keeps_its_error(name):
    pytest.importorskip("keras")
    if not MNIST.exists():
        pytest.skip(f"needs {MNIST.name} (WCODEC_DATA)")
    sys.path.insert(0, str(RESULTS.parent))
    try:
        import lenet5_caffe
        import lenet_300_100
        import tutorial
    finally:
        sys.path.remove(str(RESULTS.parent))
    networks = {
        "lenet_300_100": lenet_300_100.network, "lenet5_caffe": lenet5_caffe.network, "tutorial": tutorial.classifier,
    }  # fmt: skip
    model = networks[name]()
    wcodec.load_into(model, RESULTS / f"{name}.wcz")
    with np.load(MNIST) as arrays:
        x, y = (arrays["x_test"] / 255).astype(np.float32), arrays["y_test"]
    predicted = model.predict(x.reshape(-1, *model.input_shape[1:]), batch_size=1000, verbose=0).argmax(axis=1)
    assert int(np.sum(predicted != y)) <= ROWS[name][2]
