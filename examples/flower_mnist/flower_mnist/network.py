"""A CNN of 80,202 weights in numpy: conv 5x5/2 16, conv 5x5/2 32, dense 128, dense 10, ReLU between; plain SGD."""

import numpy as np

KERNEL, STRIDE = 5, 2
Weights = dict[str, np.ndarray]


def start(seed: int) -> Weights:
    """Uniform weights and biases of 1 / sqrt(inputs), float32."""
    rng = np.random.default_rng(seed)
    shapes = {"conv1": (16, 1, 5, 5), "conv2": (32, 16, 5, 5), "dense1": (128, 512), "dense2": (10, 128)}
    weights = {}
    for name, shape in shapes.items():
        limit = 1 / np.sqrt(np.prod(shape[1:]))
        weights[f"{name}.weight"] = rng.uniform(-limit, limit, shape).astype(np.float32)
        weights[f"{name}.bias"] = rng.uniform(-limit, limit, shape[0]).astype(np.float32)
    return weights


def accuracy(weights: Weights, images: np.ndarray, labels: np.ndarray) -> float:
    """Percent of images (n, 1, 28, 28) that are recognized."""
    right = 0
    for first in range(0, len(labels), 500):
        scores = _forward(weights, images[first : first + 500])[-1]
        right += int((scores.argmax(1) == labels[first : first + 500]).sum())
    return 100 * right / len(labels)


def sgd_step(weights: Weights, images: np.ndarray, labels: np.ndarray, learning_rate: float) -> None:
    """One step down the gradient of the mean cross-entropy, in place."""
    for name, gradient in _gradients(weights, images, labels).items():
        weights[name] -= learning_rate * gradient


def _patches(x: np.ndarray) -> np.ndarray:
    """(n, channels, height, width) -> (n, rows, columns, channels * 25)."""
    windows = np.lib.stride_tricks.sliding_window_view(x, (KERNEL, KERNEL), (2, 3))[:, :, ::STRIDE, ::STRIDE]
    n, channels, rows, columns = windows.shape[:4]
    return windows.transpose(0, 2, 3, 1, 4, 5).reshape(n, rows, columns, channels * KERNEL**2)


def _convolved(weights: Weights, name: str, patches: np.ndarray) -> np.ndarray:
    kernel = weights[f"{name}.weight"]
    out = patches @ kernel.reshape(len(kernel), -1).T + weights[f"{name}.bias"]
    return np.maximum(out, 0).transpose(0, 3, 1, 2)


def _forward(weights: Weights, images: np.ndarray) -> tuple[np.ndarray, ...]:
    patches1 = _patches(images)
    hidden1 = _convolved(weights, "conv1", patches1)
    patches2 = _patches(hidden1)
    hidden2 = _convolved(weights, "conv2", patches2)
    flat = hidden2.reshape(len(images), -1)
    hidden3 = np.maximum(flat @ weights["dense1.weight"].T + weights["dense1.bias"], 0)
    scores = hidden3 @ weights["dense2.weight"].T + weights["dense2.bias"]
    return patches1, hidden1, patches2, hidden2, flat, hidden3, scores


def _gradients(weights: Weights, images: np.ndarray, labels: np.ndarray) -> Weights:
    patches1, hidden1, patches2, hidden2, flat, hidden3, scores = _forward(weights, images)
    odds = np.exp(scores - scores.max(1, keepdims=True))
    error = odds / odds.sum(1, keepdims=True)
    error[np.arange(len(labels)), labels] -= 1
    error /= len(labels)
    found = {"dense2.weight": error.T @ hidden3, "dense2.bias": error.sum(0)}
    error = (error @ weights["dense2.weight"]) * (hidden3 > 0)
    found |= {"dense1.weight": error.T @ flat, "dense1.bias": error.sum(0)}
    error = (error @ weights["dense1.weight"]).reshape(hidden2.shape) * (hidden2 > 0)
    found |= _kernel_gradients(weights, "conv2", error, patches2)
    error = _spread(weights["conv2.weight"], error, hidden1.shape) * (hidden1 > 0)
    return found | _kernel_gradients(weights, "conv1", error, patches1)


def _kernel_gradients(weights: Weights, name: str, error: np.ndarray, patches: np.ndarray) -> Weights:
    kernel = weights[f"{name}.weight"]
    flat = error.transpose(0, 2, 3, 1).reshape(-1, len(kernel))
    gradient = flat.T @ patches.reshape(len(flat), -1)
    return {f"{name}.weight": gradient.reshape(kernel.shape), f"{name}.bias": flat.sum(0)}


def _spread(kernel: np.ndarray, error: np.ndarray, shape: tuple[int, ...]) -> np.ndarray:
    """The error at the input of a convolution, from that at its output."""
    back = np.zeros(shape, np.float32)
    rows, columns = error.shape[2:]
    for y in range(KERNEL):
        for x in range(KERNEL):
            part = np.einsum("nohw,oc->nchw", error, kernel[:, :, y, x], optimize=True)
            back[:, :, y : y + STRIDE * rows : STRIDE, x : x + STRIDE * columns : STRIDE] += part
    return back
