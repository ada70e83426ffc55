"""The CIFAR-10 ResNets of akamaster/pytorch_resnet_cifar10 as a torch module, and its data.

Weights are names and shapes of that repository (conv1.weight, layer1.0.bn1.running_mean, ..., linear.bias); the
shortcut of a downsampling block is its option A: every second pixel, new channels zero. He et al., 2016.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import torch
from torch import nn
from torch.nn import functional as F  # noqa: N812

MEAN = np.array([0.485, 0.456, 0.406], np.float32)
STD = np.array([0.229, 0.224, 0.225], np.float32)


class Block(nn.Module):
    """Two 3x3 convolutions and a shortcut."""

    def __init__(self, inputs: int, outputs: int, stride: int) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(inputs, outputs, 3, stride, 1, bias=False)
        self.bn1 = nn.BatchNorm2d(outputs)
        self.conv2 = nn.Conv2d(outputs, outputs, 3, 1, 1, bias=False)
        self.bn2 = nn.BatchNorm2d(outputs)
        self.stride, self.added = stride, outputs - inputs

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        y = self.bn2(self.conv2(F.relu(self.bn1(self.conv1(x)))))
        if self.stride > 1:
            x = F.pad(x[:, :, :: self.stride, :: self.stride], (0, 0, 0, 0, self.added // 2, self.added // 2))
        return F.relu(x + y)


class ResNet(nn.Module):
    """6 n + 2 layers on (batch, 3, 32, 32), 10 logits."""

    def __init__(self, blocks: int) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(3, 16, 3, 1, 1, bias=False)
        self.bn1 = nn.BatchNorm2d(16)
        self.layer1 = nn.Sequential(*(Block(16, 16, 1) for _ in range(blocks)))
        self.layer2 = nn.Sequential(*(Block(16 if b == 0 else 32, 32, 2 if b == 0 else 1) for b in range(blocks)))
        self.layer3 = nn.Sequential(*(Block(32 if b == 0 else 64, 64, 2 if b == 0 else 1) for b in range(blocks)))
        self.linear = nn.Linear(64, 10)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        x = self.layer3(self.layer2(self.layer1(F.relu(self.bn1(self.conv1(x))))))
        return self.linear(x.mean((2, 3)))


def load_resnet(path: Path) -> ResNet:
    """The network of a .safetensors file; its depth follows from the names."""
    from safetensors.numpy import load_file

    weights = {name.removeprefix("module."): torch.from_numpy(value) for name, value in load_file(path).items()}
    blocks = 1 + max(int(name.split(".")[1]) for name in weights if name.startswith("layer1."))
    model = ResNet(blocks)
    model.load_state_dict(weights, strict=False)  # the files leave out num_batches_tracked
    return model.eval()


def images(data: Path, split: str, first: int = 0, last: int | None = None) -> tuple[np.ndarray, np.ndarray]:
    """Normalized images float32 (count, 3, 32, 32) and labels of `cifar10_25k.npz`."""
    with np.load(data / "cifar10_25k.npz") as archive:
        x, y = archive[f"x_{split}"][first:last], archive[f"y_{split}"][first:last].astype(np.int64).ravel()
    return np.ascontiguousarray(((x.astype(np.float32) / 255 - MEAN) / STD).transpose(0, 3, 1, 2)), y
