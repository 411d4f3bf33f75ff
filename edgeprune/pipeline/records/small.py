"""Records of stages that leave no more than one or two values."""

from typing import Any

from pydantic import BaseModel


class Kernels(BaseModel):
    """What the target is known to take: nets ``profiled`` now, and the kernels' ``table``."""

    profiled: int
    table: list[dict[str, Any]]


class Multiples(BaseModel):
    """The multiple of channels that each kind of layer is held to."""

    by_kind: dict[str, int]

    @classmethod
    def upgraded(cls, content: dict[str, int]) -> dict[str, Any]:
        """Version 1 was the bare mapping."""
        return {"by_kind": content}


class MeasuredPoints(BaseModel):
    """Sensitivity curves while they are measured: loss by group and width."""

    losses: dict[str, dict[int, float]]

    @classmethod
    def upgraded(cls, content: dict[str, Any]) -> dict[str, Any]:
        """Version 1 was the bare mapping."""
        return {"losses": content}


class Scoring(BaseModel):
    """How the candidates of one budget are scored.

    Attributes:
        retrain_images: that each is trained on first.
        best: accuracy on the reward split of the best allocation, as recovered.
        base: that of the base model.
    """

    retrain_images: int
    best: float | None = None
    base: float | None = None


class Tolerance(BaseModel):
    """The loss at one latency.

    Attributes:
        limit: the latency that was aimed at, as a ratio to the base model's.
        widths: of the allocation that was fine-tuned.
        lost: points of accuracy on the reward split below the base model.
    """

    limit: float
    widths: dict[str, int]
    lost: float


class Tolerated(BaseModel):
    """The least latency that was found to keep enough accuracy, and what was tried."""

    limit: float
    tried: tuple[Tolerance, ...] = ()


class HistoryRecord(BaseModel):
    """The ``run`` under which a search is in the history, and the ``sources`` it learns from."""

    run: str
    sources: list[dict[str, Any]] = []
