"""Classify images with a network whose weights come through a pipe, one layer in memory.

cat MODEL.wcz | python examples/edge_stream.py IMAGES.npz   classes of the images in x_test, or in the first array
python examples/edge_stream.py                              a small ResNet with random weights, between two processes

MODEL is for instance MLPerf Tiny's ResNet-8: `wcz encode pretrainedResnet.h5 resnet8.wcz --graph`. Who sends may be a
server or another device (`ssh`, `nc`, `curl`); what receives needs numpy, msgpack and wcodec, no framework.
"""

import io
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np

import wcodec
from wcodec.container import NameEntry, Reader, Writer
from wcodec.runtime import Graph, Layer, Runner

SENDER = "import shutil, sys; shutil.copyfileobj(open(sys.argv[1], 'rb'), sys.stdout.buffer)"


def main() -> None:
    if len(sys.argv) == 2:
        receive(Path(sys.argv[1]))
    else:
        demonstrate()


def receive(path: Path) -> None:
    """Classes of the images in `path`, by the network that standard input brings."""
    with np.load(path) as archive:
        images = archive["x_test" if "x_test" in archive else archive.files[0]]

    def show(done: int, total: int, op: str) -> None:
        print(f"{done}/{total} {op}", file=sys.stderr)

    with Runner(sys.stdin.buffer, progress=show) as runner:
        print(*runner.predict(images).argmax(axis=-1))


def demonstrate() -> None:
    """One process sends a small ResNet, another one receives it; say whether it did what the file does."""
    images = np.random.default_rng(1).normal(size=(16, 32, 32, 3)).astype(np.float32)
    with tempfile.TemporaryDirectory() as folder:
        model, inputs = Path(folder) / "resnet.wcz", Path(folder) / "images.npz"
        model.write_bytes(small_resnet())
        np.savez(inputs, images)
        with subprocess.Popen([sys.executable, "-c", SENDER, model], stdout=subprocess.PIPE) as sender:
            receiver = [sys.executable, __file__, inputs]
            done = subprocess.run(receiver, stdin=sender.stdout, capture_output=True, text=True, check=True)
        layers = done.stderr.splitlines()
        print(f"layers: {len(layers)}, the last one: {layers[-1]}")
        with Runner(model) as runner:
            whole = runner.predict(images).argmax(axis=-1)
    same = int((np.array(done.stdout.split(), int) == whole).sum())
    print(f"same classes through the pipe and from the file: {same} of {len(images)}")


def small_resnet() -> bytes:
    """Convolution, one residual block, pooling, a dense layer: a graph written by hand."""
    rng = np.random.default_rng(0)
    shapes = {"stem": (3, 3, 3, 16), "block/a": (3, 3, 16, 16), "block/b": (3, 3, 16, 16), "head": (16, 10)}
    tensors = {f"{name}/kernel": rng.normal(scale=0.2, size=shape).astype(np.float32) for name, shape in shapes.items()}

    def conv(source: int, kernel: int) -> Layer:
        return Layer("conv", (source,), {"padding": "same"}, {"kernel": kernel})

    layers = (
        *(conv(0, 0), Layer("relu", (1,))),  # values 1 and 2
        *(conv(2, 1), Layer("relu", (3,)), conv(4, 2)),  # 3, 4, 5
        *(Layer("add", (5, 2)), Layer("relu", (6,)), Layer("global_average_pool", (7,))),  # 6, 7, 8
        *(Layer("dense", (8,), {}, {"kernel": 3}), Layer("softmax", (9,))),
    )
    return with_graph(wcodec.encode(tensors).data or b"", Graph(((32, 32, 3),), layers, (10,)))


def with_graph(data: bytes, graph: Graph) -> bytes:
    """The file with a graph; encoding a Keras model with graph=True does that."""
    out, reader = io.BytesIO(), Reader(io.BytesIO(data))
    chunks = list(reader)
    writer = Writer(out)
    writer.add_names([NameEntry(*entry) for entry in reader.names])
    writer.add_graph(graph.to_wire())
    for chunk in chunks:
        writer.add_group(chunk.records, chunk.streams)
    writer.finish()
    return out.getvalue()


if __name__ == "__main__":
    main()
