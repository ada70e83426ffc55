"""Run an autoencoder in C from a .wcz file, in the memory of one layer, and compare it with numpy's runtime.

python examples/edge_c/run.py [MODEL.h5 | MODEL.keras] [--compiler CC] [--run PREFIX]

The model is a Keras network of dense layers, as the autoencoder of MLPerf Tiny is (ad01.h5); batch normalizations are
folded into the layers before them. Without one, a small autoencoder is trained on scikit-learn's digits. It is encoded
by each coder in turn; edge.c prints what memory its decoder took.
"""

import argparse
import io
import re
import subprocess
import sys
import tempfile
from pathlib import Path

import keras
import numpy as np

import wcodec
from wcodec.runtime import Runner

HERE = Path(__file__).parent
ROOT = HERE.parents[1]
CODERS = ("elias_gamma", "rice", "context", "mixing", "small", "rans")


def trained() -> keras.Model:
    """A network 64-128-128-8-128-128-64 after a few epochs on the digits."""
    from sklearn.datasets import load_digits

    keras.utils.set_random_seed(7)
    x = load_digits().data.astype("f") / 16
    dense = [keras.layers.Dense(n, activation="relu") for n in (128, 128, 8, 128, 128)]
    model = keras.Sequential([keras.Input((64,)), *dense, keras.layers.Dense(64)])
    model.compile("adam", "mse")
    model.fit(x, x, epochs=10, batch_size=64, verbose=0)
    return model


def folded(model: keras.Model) -> keras.Model:
    """The same function as dense layers alone, rectified but for the last one."""
    layers: list[list[np.ndarray]] = []
    for layer in model.layers:
        if isinstance(layer, keras.layers.Dense):
            layers.append([np.asarray(w) for w in layer.get_weights()])
        elif isinstance(layer, keras.layers.BatchNormalization):
            gamma, beta, mean, variance = (np.asarray(w) for w in layer.get_weights())
            scale = gamma / np.sqrt(variance + layer.epsilon)
            kernel, bias = layers[-1]
            layers[-1] = [kernel * scale, (bias - mean) * scale + beta]
        elif not isinstance(layer, keras.layers.Activation | keras.layers.ReLU | keras.layers.InputLayer):
            raise TypeError(f"edge.c has no layer {layer}")
    *hidden, last = [
        keras.layers.Dense(bias.size, activation="relu" if i + 1 < len(layers) else None, name=f"dense_{i}")
        for i, (_, bias) in enumerate(layers)
    ]
    plain = keras.Sequential([keras.Input((layers[0][0].shape[0],)), *hidden, last])
    plain.set_weights([weight for pair in layers for weight in pair])
    return plain


def build(folder: Path, compiler: list[str]) -> Path:
    """Amalgamates libwcz and compiles edge.c with it."""
    subprocess.run([sys.executable, ROOT / "tools" / "amalgamate.py", folder], check=True)
    sources = [HERE / "edge.c", HERE / "arena.c", folder / "wcz.c"]
    subprocess.run([*compiler, "-std=c99", f"-I{folder}", *sources, "-o", folder / "edge"], check=True)
    return folder / "edge"


def main(arguments: list[str] | None = None) -> None:
    """Print a row a coder; `arguments` are those of the command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("model", nargs="?")
    parser.add_argument("--compiler", default="cc -Os")
    parser.add_argument("--run", default="", help="what runs the program: qemu-arm")
    parser.add_argument("--bits", type=float, default=4.0, help="bits a weight")
    options = parser.parse_args(arguments)
    model = folded(keras.saving.load_model(options.model, compile=False) if options.model else trained())
    rng = np.random.default_rng(0)
    x = rng.normal(size=(1, model.input_shape[1])).astype("f")

    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        edge = build(folder, options.compiler.split())
        (folder / "x.f32").write_bytes(x.astype("<f4").tobytes())
        print("coder           file  coder's memory  all memory  difference from numpy")
        for coder in CODERS:
            data = wcodec.encode(model, coder=coder, bits_per_weight=options.bits, graph=True).data
            (folder / "model.wcz").write_bytes(data)
            command = [*options.run.split(), edge, folder / "model.wcz", folder / "x.f32"]
            printed = subprocess.run(command, capture_output=True, text=True, check=True).stdout
            # Of the largest tensor: it has a chunk of its own.
            rows = re.findall(r"coder (\d+), values (\d+)", printed)
            of_coder = int(max(rows, key=lambda row: int(row[1]))[0])
            at_most = int(re.search(r"memory: (\d+)", printed)[1])
            found = np.array([float(line) for line in printed.splitlines() if re.fullmatch(r"[-\d.e+]+", line)])
            with Runner(io.BytesIO(data)) as runner:
                wanted = runner.predict(x)[0]
            difference = np.abs(found - wanted).max() / np.abs(wanted).max()
            print(f"{coder:<12}{len(data):>8}{of_coder:>16}{at_most:>12}  {difference:.1e}", flush=True)


if __name__ == "__main__":
    main()
