"""examples/edge_stream.py: MLPerf Tiny's ResNet-8 comes through a pipe between processes and classifies images."""

import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

import wcodec

ROOT = Path(__file__).parents[2]
DATA = Path(os.environ.get("WCODEC_DATA", ROOT.parent / "shared" / "data"))
RECEIVER = [sys.executable, ROOT / "examples" / "edge_stream.py"]
ENVIRONMENT = {**os.environ, "PYTHONPATH": str(ROOT)}
IMAGES = 200


@pytest.fixture(scope="module")
def resnet8(tmp_path_factory):
    """The network as a file, images for it, and the classes that Keras gives them."""
    keras = pytest.importorskip("keras", reason="needs the extra tensorflow")
    source, images = DATA / "native" / "pretrainedResnet.h5", DATA / "cifar10_25k.npz"
    for path in (source, images):
        if not path.is_file():
            pytest.skip(f"no real data at {path} (set WCODEC_DATA)")
    folder = tmp_path_factory.mktemp("resnet8")
    wcodec.encode(source, folder / "resnet8.wcz", lossless=True, merge_batch_norm=True)
    with np.load(images) as archive:
        x = archive["x_test"][:IMAGES].astype(np.float32)
    np.savez(folder / "images.npz", x_test=x)
    model = keras.saving.load_model(source, compile=False)
    return folder, model.predict(x, verbose=0).argmax(axis=1)


def received(folder, sender):
    """What the example prints for the images, and how it ends, as it reads what `sender` writes."""
    with subprocess.Popen([str(part) for part in sender], stdout=subprocess.PIPE) as process:
        done = subprocess.run(
            [*RECEIVER, folder / "images.npz"], stdin=process.stdout, capture_output=True, text=True, env=ENVIRONMENT
        )
        process.stdout.close()
    return done


def test_resnet8_through_a_pipe_gives_the_classes_of_keras(resnet8):
    folder, classes = resnet8
    done = received(folder, ["cat", folder / "resnet8.wcz"])
    assert done.returncode == 0, done.stderr
    np.testing.assert_array_equal(np.array(done.stdout.split(), int), classes)
    layers = done.stderr.splitlines()
    assert layers[0] == "1/23 conv"
    assert layers[-1] == "23/23 softmax"


def test_a_sender_that_breaks_off_is_an_error_that_names_the_tensor(resnet8):
    folder, _ = resnet8
    nbytes = (folder / "resnet8.wcz").stat().st_size
    done = received(folder, ["head", "-c", nbytes // 2, folder / "resnet8.wcz"])
    assert done.returncode == 1
    assert "TruncatedError: tensor 'conv2d" in done.stderr
    assert done.stdout == ""
