"""The networks and images that tools/bench/federated.py trains: TASKS, one line each. Torch."""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from torch import nn
from torch.nn import functional

ROOT = Path(__file__).parents[2]
DATA = Path(os.environ.get("WCODEC_DATA", ROOT.parent / "shared" / "data"))
Split = tuple[torch.Tensor, torch.Tensor]  # images (n, channels, height, width) float32, labels (n,) int64


@dataclass(frozen=True)
class Task:
    """A network, what it starts from, and its data."""

    network: Callable[[], nn.Module]
    data: Callable[[], tuple[Split, Split]]


def mnist() -> tuple[Split, Split]:
    """60,000 and 10,000 digits, normalized."""

    def split(part: str) -> Split:
        images = (torch.tensor(archive[f"x_{part}"]).float().reshape(-1, 1, 28, 28) / 255 - 0.1307) / 0.3081
        return images, torch.tensor(archive[f"y_{part}"]).long()

    with np.load(DATA / "mnist.npz") as archive:
        return split("train"), split("test")


def cifar() -> tuple[Split, Split]:
    """25,000 training and 1,000 test images, 0 to 255 as the network below expects them."""

    def split(part: str) -> Split:
        images = torch.tensor(archive[f"x_{part}"]).permute(0, 3, 1, 2).float().contiguous()
        return images, torch.tensor(archive[f"y_{part}"]).long().ravel()

    with np.load(DATA / "cifar10_25k.npz") as archive:
        return split("train"), split("test")


def small() -> nn.Module:
    """80,202 weights."""
    return nn.Sequential(
        nn.Conv2d(1, 16, 5, stride=2), nn.ReLU(), nn.Conv2d(16, 32, 5, stride=2), nn.ReLU(), nn.Flatten(),
        nn.Linear(512, 128), nn.ReLU(), nn.Linear(128, 10),
    )  # fmt: skip


def caffe() -> nn.Module:
    """LeNet5-Caffe, 431,080 weights."""
    return nn.Sequential(
        nn.Conv2d(1, 20, 5), nn.MaxPool2d(2), nn.Conv2d(20, 50, 5), nn.MaxPool2d(2), nn.Flatten(),
        nn.Linear(800, 500), nn.ReLU(), nn.Linear(500, 10),
    )  # fmt: skip


class ResNet8(nn.Module):
    """The ResNet-8 of MLPerf Tiny (Banbury et al., 2021), 78,666 weights and statistics, as it was trained."""

    def __init__(self) -> None:
        super().__init__()
        widths = [(3, 16), (16, 16), (16, 16), (16, 32), (32, 32), (16, 32), (32, 64), (64, 64), (32, 64)]
        self.convolutions = nn.ModuleList(nn.Conv2d(a, b, 1 if i in (5, 8) else 3) for i, (a, b) in enumerate(widths))
        self.norms = nn.ModuleList(nn.BatchNorm2d(w, eps=1e-3, momentum=0.01) for w in (16, 16, 16, 32, 32, 64, 64))
        self.dense = nn.Linear(64, 10)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        x = functional.relu(self._normal(0, 0, x))
        x = functional.relu(x + self._normal(2, 2, functional.relu(self._normal(1, 1, x))))
        for first, norm in ((3, 3), (6, 5)):
            y = functional.relu(self._normal(first, norm, x, 2))
            shortcut = functional.conv2d(x, *self.convolutions[first + 2].parameters(), stride=2)
            x = functional.relu(shortcut + self._normal(first + 1, norm + 1, y))
        return self.dense(x.mean((2, 3)))

    def _normal(self, convolution: int, norm: int, x: torch.Tensor, stride: int = 1) -> torch.Tensor:
        """Keras pads an even extent at stride 2 behind only."""
        padded = functional.pad(x, (0, 1, 0, 1) if stride == 2 else (1, 1, 1, 1))
        return self.norms[norm](functional.conv2d(padded, *self.convolutions[convolution].parameters(), stride=stride))


def resnet8() -> nn.Module:
    """Trained: 88.1 % on the 1,000 test images."""
    from safetensors.numpy import load_file

    stored = load_file(DATA / "models" / "mlperftiny_resnet8_cifar10.safetensors")
    network = ResNet8()
    names = {"weight": "gamma", "bias": "beta", "running_mean": "moving_mean", "running_var": "moving_variance"}
    found: dict[str, np.ndarray] = {}
    for i in range(len(network.convolutions)):
        layer = "conv2d" if i == 0 else f"conv2d_{i}"
        found[f"convolutions.{i}.weight"] = stored[f"{layer}/{layer}/kernel"].transpose(3, 2, 0, 1)
        found[f"convolutions.{i}.bias"] = stored[f"{layer}/{layer}/bias"]
    for i in range(len(network.norms)):
        layer = "batch_normalization" if i == 0 else f"batch_normalization_{i}"
        found |= {f"norms.{i}.{ours}": stored[f"{layer}/{layer}/{theirs}"] for ours, theirs in names.items()}
    found |= {"dense.weight": stored["dense/dense/kernel"].T, "dense.bias": stored["dense/dense/bias"]}
    state = {name: torch.tensor(np.ascontiguousarray(array)) for name, array in found.items()}
    missing = network.load_state_dict(state, strict=False).missing_keys
    assert all(name.endswith("num_batches_tracked") for name in missing), missing
    return network


TASKS = {"small": Task(small, mnist), "caffe": Task(caffe, mnist), "resnet8": Task(resnet8, cifar)}
