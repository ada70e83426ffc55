"""Make the page: the decoder in WebAssembly, and a network that knows digits.

python examples/browser/build.py FOLDER      # then: python examples/browser/serve.py FOLDER

WebAssembly is compiled by clang and lld (Debian: clang lld), or by the package ziglang where they are absent. The
network is trained on scikit-learn's digits.
"""

import importlib.util
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np

import wcodec

HERE = Path(__file__).parent
ROOT = HERE.parents[1]
PAGE = ("index.html", "app.js", "ranges.js", "wcz.js")
FLAGS = ["-std=c99", "-Os", "-ffreestanding", "-nostdlib", "-mbulk-memory", "-Wl,--no-entry", "-Wl,--strip-all"]


def compiler() -> list[str]:
    """The command that compiles for wasm32 without a library."""
    if shutil.which("clang") and shutil.which("wasm-ld"):
        return ["clang", "--target=wasm32", *FLAGS]
    if importlib.util.find_spec("ziglang"):
        return [sys.executable, "-m", "ziglang", "cc", "-target", "wasm32-freestanding", *FLAGS]
    raise SystemExit("neither clang with wasm-ld (Debian: clang lld) nor the package ziglang is there")


def build_decoder(folder: Path) -> None:
    """FOLDER/wcz.wasm."""
    source = folder / "libwcz"
    subprocess.run([sys.executable, ROOT / "tools" / "amalgamate.py", source], check=True)
    files = [HERE / "wcz_wasm.c", source / "wcz.c"]
    subprocess.run([*compiler(), f"-I{source}", *files, "-o", folder / "wcz.wasm"], check=True)
    shutil.rmtree(source)


def boxed(images: np.ndarray) -> np.ndarray:
    """Digits (n, 8, 8) scaled so that the box around each fills its image, as the page does with what is drawn."""
    from scipy.ndimage import map_coordinates

    out = np.empty_like(images)
    for image, result in zip(images, out, strict=True):
        rows, columns = np.nonzero(image > 0.2)
        size = max(np.ptp(rows), np.ptp(columns)) + 1
        y0, x0 = (rows.min() + rows.max() + 1 - size) / 2, (columns.min() + columns.max() + 1 - size) / 2
        centres = (np.arange(8) + 0.5) * size / 8 - 0.5
        result[...] = map_coordinates(image, np.meshgrid(y0 + centres, x0 + centres, indexing="ij"), order=1)
    return out


def build_network(folder: Path) -> None:
    """FOLDER/digits.wcz: 64-160-64-10, trained in some seconds; two layers are large enough for chunks of their own."""
    from sklearn.datasets import load_digits
    from sklearn.model_selection import train_test_split
    from sklearn.neural_network import MLPClassifier

    digits = load_digits()
    images = digits.images.astype("f") / 16
    x = np.concatenate([images, boxed(images)]).reshape(-1, 64)
    train, test = train_test_split(np.arange(len(images)), test_size=0.2, random_state=0, stratify=digits.target)
    both = np.concatenate([train, train + len(images)])
    net = MLPClassifier((160, 64), alpha=0.5, max_iter=60, random_state=0).fit(x[both], np.tile(digits.target, 2)[both])
    tensors = {}
    for i, (kernel, bias) in enumerate(zip(net.coefs_, net.intercepts_, strict=True)):
        layer = f"dense_{i}" if i else "dense"
        tensors |= {f"{layer}/kernel": kernel.astype("f"), f"{layer}/bias": bias.astype("f")}
    report = wcodec.encode(tensors, folder / "digits.wcz", bits_per_weight=2.0)
    decoded = wcodec.decode(folder / "digits.wcz")
    net.coefs_ = [decoded[name] for name in tensors if name.endswith("kernel")]
    net.intercepts_ = [decoded[name] for name in tensors if name.endswith("bias")]
    accuracy = 100 * net.score(x[test], digits.target[test])
    print(f"digits.wcz: {report.nbytes:,} bytes, {accuracy:.1f} % of the test digits right")


def main() -> None:
    """Fill the folder."""
    if len(sys.argv) != 2:
        raise SystemExit(__doc__)
    folder = Path(sys.argv[1])
    folder.mkdir(parents=True, exist_ok=True)
    build_decoder(folder)
    build_network(folder)
    for name in PAGE:
        shutil.copy(HERE / name, folder / name)


if __name__ == "__main__":
    main()
