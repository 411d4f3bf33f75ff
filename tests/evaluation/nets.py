"""Splits, nets and plans that the evaluation tests share."""

import numpy as np
import torch
from torch import nn

from edgeprune.pruning import Plan
from edgeprune.pruning.plan import fingerprint
from edgeprune.workloads import ArraySplit


def noise_split(images: int = 64, size: int = 8, classes: int = 4, seed: int = 0) -> ArraySplit:
    generator = np.random.default_rng(seed)
    pixels = generator.integers(0, 256, (images, 3, size, size), np.uint8)
    return ArraySplit("train", pixels, np.arange(images) % classes)


def hand_plan(model: nn.Module, slices: dict[str, dict[int, tuple[int, ...]]]) -> Plan:
    """A plan with these slices; nothing else of it matters to recovery."""
    return Plan({}, {}, slices, {}, fingerprint(model), "l1")


def all_images(split: ArraySplit) -> torch.Tensor:
    return torch.cat([images for images, _ in split.batches(16)])
