"""Bundles of small networks for tests, as a finished run leaves them."""

import json
from pathlib import Path
from typing import Any

import torch
from torch import nn

from edgeprune.files import sha256
from edgeprune.pruning import ChannelSpace


class Mixed(nn.Module):
    """Kernels of many kinds: strided, depthwise and pointwise, exponentials, pools, a joint."""

    def __init__(self) -> None:
        super().__init__()
        self.stem = nn.Sequential(
            nn.Conv2d(3, 8, 3, stride=2, padding=1, bias=False), nn.BatchNorm2d(8), nn.ReLU6()
        )
        self.depthwise = nn.Conv2d(8, 8, 3, padding=1, groups=8)
        self.pointwise = nn.Conv2d(8, 12, 1)
        self.pool = nn.MaxPool2d(2)
        self.head = nn.Linear(20, 10)

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        first = self.stem(images)
        second = nn.functional.silu(self.pointwise(self.depthwise(first)))
        joined = torch.cat([self.pool(first), self.pool(second)], 1)
        return torch.softmax(self.head(joined.mean((2, 3))), 1) * 7


def write_bundle(folder: Path, **more: Any) -> Path:
    """A run directory of a network that takes (1, 3, 16, 16)."""
    torch.manual_seed(0)
    network = Mixed().eval()
    folder.mkdir(parents=True, exist_ok=True)
    space = ChannelSpace.from_model(network, torch.randn(1, 3, 16, 16))
    (folder / "model.onnx").write_bytes(space.template.base)
    (folder / "plan.json").write_text("{}")
    (folder / "weights.safetensors").write_bytes(b"")
    return seal(folder, **more)


def seal(folder: Path, **more: Any) -> Path:
    """Write the manifest of the files that are there."""
    files = {
        name: {"sha256": sha256(folder / name)}
        for name in ("model.onnx", "plan.json", "weights.safetensors")
    }
    (folder / "manifest.json").write_text(json.dumps({"files": files, "artifacts": [], **more}))
    return folder
