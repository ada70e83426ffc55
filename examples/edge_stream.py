"""Run a network on images as its weights arrive through a pipe, one layer in memory.

python examples/edge_stream.py                      a small ResNet with random weights
python examples/edge_stream.py MODEL.wcz IMAGES.npz  for instance MLPerf Tiny's ResNet-8, encoded by
                                                    wcz encode pretrainedResnet.h5 resnet8.wcz --graph

The sending end runs in a process of its own, as a server or another device would; what receives needs numpy, msgpack
and wcodec, no framework.
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
    if len(sys.argv) == 3:
        with np.load(sys.argv[2]) as archive:
            images = next(iter(archive.values()))[:100]
        classify(Path(sys.argv[1]), images)
        return
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "resnet.wcz"
        path.write_bytes(small_resnet())
        classify(path, np.random.default_rng(1).normal(size=(16, 32, 32, 3)).astype(np.float32))


def classify(path: Path, images: np.ndarray) -> None:
    """Predict through a pipe and from the file; say whether they agree."""
    shown: list[str] = []
    with subprocess.Popen([sys.executable, "-c", SENDER, path], stdout=subprocess.PIPE) as sender:
        assert sender.stdout is not None
        with Runner(sender.stdout, progress=lambda done, total, op: shown.append(f"{done}/{total} {op}")) as runner:
            piped = runner.predict(images)
    print(f"layers: {len(shown)}, the last one: {shown[-1]}")
    with Runner(path) as runner:
        whole = runner.predict(images)
    same = int((piped.argmax(axis=-1) == whole.argmax(axis=-1)).sum())
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
