"""Dictionary learning: what it leaves of fc1 of differently trained networks, and its time against scikit-learn's.

    python tools/bench/dictionary_learning.py --errors     # 150 atoms, 20 a row, 6 iterations, four networks
    python tools/bench/dictionary_learning.py --times      # both libraries on one of them, at equal error

The matrix is fc1 of LeNet-300-100 on MNIST, 784 by 300: rows are pixels, many of them dead. Times are CPU seconds of
the process, the least of two runs, for finding dictionary and codes; scikit-learn's is the fastest of all its
settings that reaches the error, so that it is not at a loss for one.
"""

from __future__ import annotations

import argparse
import os
import time
import warnings
from collections.abc import Callable
from functools import cache
from itertools import product
from typing import Any

os.environ.setdefault("OMP_NUM_THREADS", "1")
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")

import numpy as np

from wcodec.fitting.dictionary_learning import learn

ATOMS, NONZEROS = 150, 20
RUNS = 2


def networks() -> dict[str, tuple[Callable[[], Any], float, int]]:
    """Name -> (optimizer, L2 of kernels, epochs)."""
    from keras.optimizers import SGD, Adam, AdamW

    return {
        "Adam, 5 epochs": (lambda: Adam(1e-3), 0.0, 5),
        "Adam, L2 5e-5, 8 epochs": (lambda: Adam(1e-3), 5e-5, 8),
        "AdamW, decay 1e-2, 5 epochs": (lambda: AdamW(1e-3, weight_decay=1e-2), 0.0, 5),
        "SGD, momentum .9, L2 5e-4, 5 epochs": (lambda: SGD(0.1, momentum=0.9), 5e-4, 5),
    }


@cache
def fc1(name: str, seed: int = 1) -> tuple[np.ndarray, float]:
    """The kernel (784, 300) float64 and the test accuracy of a network trained by one of `networks`."""
    import keras

    from wcodec.cli.demo.data import load_mnist

    make, decay, epochs = networks()[name]
    keras.utils.set_random_seed(seed)
    digits = load_mnist(None)
    dense = keras.layers.Dense
    l2 = keras.regularizers.L2(decay) if decay else None
    hidden = [dense(n, "relu", kernel_regularizer=l2) for n in (300, 100)]
    model = keras.Sequential([keras.Input((28, 28, 1)), keras.layers.Flatten(), *hidden, dense(10)])
    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    model.compile(make(), loss, metrics=["accuracy"])
    model.fit(digits.x_train, digits.y_train, batch_size=128, epochs=epochs, verbose=0)
    accuracy = model.evaluate(digits.x_test, digits.y_test, batch_size=1000, verbose=0)[1]
    return np.asarray(model.layers[1].kernel, np.float64), accuracy


def svd_error(matrix: np.ndarray, rank: int) -> float:
    singular = np.linalg.svd(matrix, compute_uv=False)
    return float(np.sqrt(np.square(singular[rank:]).sum() / np.square(singular).sum()))


def errors() -> None:
    """One row a network."""
    numbers = 784 * NONZEROS + ATOMS * 300
    rank = numbers // (784 + 300)
    print(f"| network | accuracy % | dictionary, 1 iteration | 6 | 12 | SVD, rank {rank} |\n|---|---|---|---|---|---|")
    for name in networks():
        matrix, accuracy = fc1(name)
        found = learn(matrix, ATOMS, NONZEROS, iterations=12).errors
        cells = [
            f"{100 * accuracy:.2f}",
            *(f"{found[i - 1]:.3f}" for i in (1, 6, 12)),
            f"{svd_error(matrix, rank):.3f}",
        ]
        print(f"| {name} | {' | '.join(cells)} |", flush=True)


def ours(matrix: np.ndarray) -> list[tuple[float, float, str]]:
    """(error, seconds, setting) of every setting."""
    return [
        timed(matrix, lambda n=n: product_of(learn(matrix, ATOMS, NONZEROS, iterations=n)), f"{n} iterations")
        for n in (1, 2, 3, 4, 6, 9, 12, 18, 24)
    ]


def product_of(learned: Any) -> np.ndarray:
    return np.asarray(learned.codes @ learned.atoms)


def scikit_learn(matrix: np.ndarray) -> list[tuple[float, float, str]]:
    """The same for DictionaryLearning and its minibatch form, codes by orthogonal matching pursuit."""
    from sklearn.decomposition import DictionaryLearning, MiniBatchDictionaryLearning

    common = {"transform_algorithm": "omp", "transform_n_nonzero_coefs": NONZEROS, "random_state": 0}
    scale = float(np.sqrt(np.square(matrix).mean()))  # alpha is in units of the data
    found = []
    for cls, iterations in ((DictionaryLearning, (1, 3, 10, 30)), (MiniBatchDictionaryLearning, (1, 3, 10))):
        for share, count in product((0.1, 0.3, 1.0), iterations):

            def run(cls: Any = cls, share: float = share, count: int = count) -> np.ndarray:
                model = cls(ATOMS, alpha=share * scale, max_iter=count, fit_algorithm="cd", **common)
                codes = model.fit(matrix).transform(matrix)
                return np.asarray(codes @ model.components_)

            found.append(timed(matrix, run, f"{cls.__name__}, {count} iterations, alpha {share * scale:.3f}"))
    return found


def timed(matrix: np.ndarray, run: Callable[[], np.ndarray], setting: str) -> tuple[float, float, str]:
    """Relative error and least CPU seconds of RUNS."""
    seconds = []
    for _ in range(RUNS):
        started = time.process_time()
        rebuilt = run()
        seconds.append(time.process_time() - started)
    return float(np.linalg.norm(rebuilt - matrix) / np.linalg.norm(matrix)), min(seconds), setting


def times(name: str) -> None:
    """One row a level of error: the fastest setting of each library that reaches it."""
    import sklearn

    warnings.simplefilter("ignore")  # that so few iterations have not converged
    matrix, _ = fc1(name)
    mine, theirs = ours(matrix), scikit_learn(matrix)
    best = min(error for error, _, _ in theirs)
    print(f"{name}; scikit-learn {sklearn.__version__}; its least error {best:.3f}, ours {min(mine)[0]:.3f}")
    print("| error at most | wcodec, s | scikit-learn, s | ratio | settings |\n|---|---|---|---|---|")
    for level in (0.6, 0.55, 0.5, 0.45, 0.42, 0.4, 0.38, 0.36, 0.34):
        fastest = [
            min((row for row in rows if row[0] <= level), key=lambda row: row[1], default=None)
            for rows in (mine, theirs)
        ]
        if fastest[0] is not None and fastest[1] is not None:
            (_, a, left), (_, b, right) = fastest
            print(f"| {level} | {a:.3f} | {b:.3f} | {b / a:.1f} | {left}; {right} |")
    for error, seconds, setting in sorted(theirs):
        print(f"  {error:.3f}  {seconds:.3f} s  {setting}")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--errors", action="store_true")
    parser.add_argument("--times", action="store_true")
    options = parser.parse_args()
    if options.errors or not options.times:
        errors()
    if options.times:
        times("Adam, L2 5e-5, 8 epochs")


if __name__ == "__main__":
    main()
