"""Data made on the spot, as a function of yours may give it: torch datasets by purpose."""

from typing import Any

import numpy as np
import torch
from torch.utils.data import Dataset, TensorDataset

#: Images of each split. The reward split is unseen like the test split, but apart from it.
COUNTS = {"train": 800, "reward": 300, "test": 500}
#: Where an image takes little time: of 300 that choose, one plan is ahead of another by chance.
MORE_COUNTS = {"train": 1200, "reward": 1000, "test": 2000}
SHAPES = ("disc", "square", "triangle", "cross")
#: The 20 core words of Speech Commands (Warden 2018); their sounds are made up.
WORDS = (
    *("yes", "no", "up", "down", "left", "right", "on", "off", "stop", "go"),
    *("zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine"),
)


def masks(seed: int, size: int = 24) -> dict[str, Any]:
    """Noisy images of shapes that hide each other, and the class of each pixel."""

    def split(rng: np.random.Generator, count: int) -> TensorDataset:
        images = np.empty((count, 3, size, size), np.float32)
        numbers = np.zeros((count, size, size), np.int64)
        for image, number in zip(images, numbers, strict=True):
            image[:] = _ground(rng, size)
            for _ in range(rng.integers(1, 4)):
                kind, (x, y), radius = _drawn_shape(rng, size, 0.16, 0.32)
                where = _inside(kind, x, y, radius, size)
                image[:, where] += _contrast(rng)
                number[where] = kind + 1
            image += rng.normal(0, 0.15, image.shape)
        return TensorDataset(torch.from_numpy(images), torch.from_numpy(numbers))

    return _splits(split, seed) | {"classes": ("ground", *SHAPES)}


def boxes(seed: int, size: int = 48) -> dict[str, Any]:
    """Noisy images of shapes, and the box of each; some images have none."""

    def split(rng: np.random.Generator, count: int) -> "BoxedImages":
        images = np.empty((count, 3, size, size), np.float32)
        targets = []
        for image in images:
            image[:] = _ground(rng, size)
            found, labels = [], []
            for _ in range(rng.integers(0, 5)):
                kind, (x, y), radius = _drawn_shape(rng, size, 0.11, 0.25)
                box = np.clip([x - radius, y - radius, x + radius, y + radius], 0, size)
                if any(_shared(box, other) > 0.2 for other in found):
                    continue
                image[:, _inside(kind, x, y, radius, size)] += _contrast(rng)
                found.append(box)
                labels.append(kind)
            image += rng.normal(0, 0.25, image.shape)
            corners = torch.tensor(np.array(found), dtype=torch.float32).reshape(-1, 4)
            targets.append({"boxes": corners, "labels": torch.tensor(labels, dtype=torch.int64)})
        return BoxedImages(torch.from_numpy(images), targets)

    return _splits(split, seed) | {"classes": SHAPES}


def spectrograms(seed: int, frames: int = 64, bands: int = 24) -> dict[str, Any]:
    """Spectrograms of words, each three sounds that glide, spoken early or late, in noise."""
    sounds = np.random.default_rng(7).uniform(0, bands, (len(WORDS), 3, 2))

    def split(rng: np.random.Generator, count: int) -> TensorDataset:
        labels = np.arange(count) % len(WORDS)
        images = rng.normal(0, 1.2, (count, 1, frames, bands)).astype(np.float32)
        for image, label in zip(images, labels, strict=True):
            length = int(rng.integers(10, 17))
            begin = int(rng.integers(0, frames - 3 * length))
            voice = rng.normal(0, 0.9)
            for at, (low, high) in enumerate(sounds[label]):
                pitch = np.linspace(low, high, length)[:, None] + voice + rng.normal(0, 0.5)
                rows = slice(begin + at * length, begin + (at + 1) * length)
                loud = rng.uniform(1.6, 2.8)
                image[0, rows] += loud * np.exp(-(((np.arange(bands) - pitch) / 1.2) ** 2))
        return TensorDataset(torch.from_numpy(images), torch.from_numpy(labels))

    return _splits(split, seed, MORE_COUNTS) | {"classes": WORDS}


def gauges(seed: int, size: int = 32) -> dict[str, Any]:
    """Noisy pictures of a gauge: what it reads, 0 to 100 over three quarters, and its radius."""
    y, x = np.mgrid[:size, :size].astype(np.float32)

    def split(rng: np.random.Generator, count: int) -> TensorDataset:
        reading = rng.uniform(0, 100, count)
        radius = rng.uniform(8, 14, count)
        images = rng.normal(0, 0.35, (count, 1, size, size)).astype(np.float32)
        for image, read, around in zip(images, reading, radius, strict=True):
            left, top = size / 2 + rng.uniform(-3, 3, 2)
            away, turn = np.hypot(x - left, y - top), np.arctan2(y - top, x - left)
            image[0] += rng.uniform(0.8, 1.4) * (np.abs(away - around) < 1)
            angle = np.deg2rad(135 + 2.7 * read)
            along = (x - left) * np.cos(angle) + (y - top) * np.sin(angle)
            beside = np.abs((x - left) * np.sin(angle) - (y - top) * np.cos(angle))
            hand = (along > -2) & (along < 0.8 * around) & (beside < 0.9)
            image[0] += rng.uniform(1.0, 1.6) * hand - 0.3 * ((turn > 1.0) & (away < around))
        targets = np.stack([reading, radius], 1).astype(np.float32)
        return TensorDataset(torch.from_numpy(images), torch.from_numpy(targets))

    return _splits(split, seed, MORE_COUNTS) | {"classes": ("reading", "radius")}


class BoxedImages(Dataset[Any]):
    """Images, each with a dict of its boxes and labels."""

    def __init__(self, images: torch.Tensor, targets: list[dict[str, torch.Tensor]]) -> None:
        self._images, self._targets = images, targets

    def __len__(self) -> int:
        return len(self._images)

    def __getitem__(self, index: int) -> tuple[torch.Tensor, dict[str, torch.Tensor]]:
        return self._images[index], self._targets[index]


def _splits(split: Any, seed: int, counts: dict[str, int] = COUNTS) -> dict[str, Any]:
    return {
        part: split(np.random.default_rng((seed, at)), count)
        for at, (part, count) in enumerate(counts.items())
    }


def _ground(rng: np.random.Generator, size: int) -> np.ndarray:
    """A colour that changes across the image: (3, size, size)."""
    slope = np.linspace(-0.5, 0.5, size)
    tilted = rng.normal(0, 0.5) * slope[:, None] + rng.normal(0, 0.5) * slope
    return rng.uniform(-0.8, 0.8, (3, 1, 1)) + tilted


def _contrast(rng: np.random.Generator) -> np.ndarray:
    """What sets a shape off from its ground: (3, 1)."""
    return rng.choice((-1, 1), (3, 1)) * rng.uniform(0.4, 1.2, (3, 1))


def _drawn_shape(
    rng: np.random.Generator, size: int, smallest: float, largest: float
) -> tuple[int, np.ndarray, float]:
    """What it is, its middle and its radius, which is a share of the image."""
    radius = size * rng.uniform(smallest, largest)
    return int(rng.integers(len(SHAPES))), rng.uniform(radius, size - radius, 2), float(radius)


def _inside(kind: int, x: float, y: float, radius: float, size: int) -> np.ndarray:
    """The pixels of a shape: (size, size) bool."""
    down, right = np.mgrid[:size, :size] + 0.5
    right, down = (right - x) / radius, (down - y) / radius
    return (
        np.hypot(right, down) < 1,
        np.maximum(abs(right), abs(down)) < 1,
        (abs(right) < (down + 1) / 2) & (down < 1),
        (np.minimum(abs(right), abs(down)) < 0.35) & (np.maximum(abs(right), abs(down)) < 1),
    )[kind]


def _shared(one: np.ndarray, other: np.ndarray) -> float:
    """The shared area, as a share of the smaller box."""
    sides = np.minimum(one[2:], other[2:]) - np.maximum(one[:2], other[:2])
    areas = [np.prod(box[2:] - box[:2]) for box in (one, other)]
    return float(np.prod(sides.clip(0)) / max(min(areas), 1e-6))
