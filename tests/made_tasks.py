"""Networks, images and a task for pipelines that are no classification, made on the spot."""

from collections.abc import Iterator
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from edgeprune.tasks import Metric, Task
from edgeprune.workloads import Dataset

SIZE = 16


class Squares:
    """A bright square on noise; targets are its mask, its place, or both.

    See `edgeprune.workloads.Split`.
    """

    def __init__(self, name: str, targets: str, rows: list[int]) -> None:
        self.name, self._targets, self._rows = name, targets, rows

    def __len__(self) -> int:
        return len(self._rows)

    def batches(
        self, batch_size: int, *, generator: torch.Generator | None = None, augment: bool = False
    ) -> Iterator[tuple[Tensor, Any]]:
        order = torch.arange(len(self))
        if generator is not None:
            order = torch.randperm(len(self), generator=generator)
        for part in order.split(batch_size):
            images, masks, places = zip(*(_drawn(self._rows[at]) for at in part), strict=True)
            if self._targets == "both":
                yield torch.stack(images), list(zip(masks, places, strict=True))
            else:
                chosen = masks if self._targets == "masks" else places
                yield torch.stack(images), torch.stack(chosen)

    def subset(self, count: int, seed: int) -> "Squares":
        order = torch.randperm(len(self), generator=torch.Generator().manual_seed(seed))
        rows = [self._rows[at] for at in sorted(order[:count].tolist())]
        return Squares(self.name, self._targets, rows)


def _drawn(row: int) -> tuple[Tensor, Tensor, Tensor]:
    generator = torch.Generator().manual_seed(row)
    image = 0.3 * torch.randn(1, SIZE, SIZE, generator=generator)
    top, left = torch.randint(0, SIZE - 6, (2,), generator=generator).tolist()
    mask = torch.zeros(SIZE, SIZE, dtype=torch.int64)
    mask[top : top + 6, left : left + 6] = 1
    image[0] += mask
    return image, mask, torch.tensor([top, left]) / SIZE


def squares(targets: str = "masks") -> Dataset:
    names = ("ground", "square") if targets == "masks" else ("top", "left")
    rows = {"train": range(160), "test": range(1000, 1064), "reward": range(2000, 2064)}
    return Dataset(
        names, **{name: Squares(name, targets, list(chosen)) for name, chosen in rows.items()}
    )


def _block(inputs: int, outputs: int) -> nn.Module:
    convolution = nn.Conv2d(inputs, outputs, 3, padding=1, bias=False)
    return nn.Sequential(convolution, nn.BatchNorm2d(outputs), nn.ReLU())


class TwoHeads(nn.Module):
    """A map of the square, its place, or both by name."""

    def __init__(self, heads: str = "both") -> None:
        super().__init__()
        self.heads = heads
        self.first, self.second = _block(1, 12), _block(12, 16)
        if heads != "places":
            self.mask = nn.Conv2d(16, 2, 1)
        if heads != "masks":
            self.place = nn.Linear(16 * 16, 2)

    def forward(self, images: Tensor) -> Any:
        found = self.second(self.first(images))
        places = masks = None
        if self.heads != "masks":
            places = self.place(F.avg_pool2d(found, 4).flatten(1))
        if self.heads != "places":
            masks = self.mask(found)
        if self.heads == "both":
            return {"mask": masks, "place": places}
        return masks if places is None else places


class Both(Task):
    """Where the square is, and which pixels are its: one score of two outputs."""

    known = (Metric("found"), Metric("error", unit="px", more_is_better=False))
    default = 2

    def loss(self, outputs: Any, targets: Any) -> Tensor:
        masks, places = _stacked(targets)
        return F.cross_entropy(outputs["mask"].float(), masks) + F.mse_loss(
            outputs["place"].float(), places
        )

    def meter(self) -> "BothMeter":
        return BothMeter()


class BothMeter:
    def __init__(self) -> None:
        self._right: list[Tensor] = []
        self._errors: list[Tensor] = []

    def update(self, outputs: Any, targets: Any) -> None:
        masks, places = _stacked(targets)
        self._right.append((outputs["mask"].argmax(1) == masks).float().mean((1, 2)))
        self._errors.append((SIZE * (outputs["place"] - places)).abs().mean(1))

    def compute(self) -> dict[str, float]:
        return {
            "found": float(torch.cat(self._right).mean()),
            "error": float(torch.cat(self._errors).mean()),
        }

    def by_class(self) -> tuple[tuple[int, int], ...]:
        return ()


def _stacked(targets: list[tuple[Tensor, Tensor]]) -> tuple[Tensor, Tensor]:
    masks, places = zip(*targets, strict=True)
    return torch.stack(masks), torch.stack(places)


def cautious(outcome: Any) -> float:
    """A reward that sees another metric than the score."""
    return float(outcome.metrics["found"] - 0.01 * outcome.metrics["error"])
