"""What a race leaves: after each of its rungs, and in the end."""

from dataclasses import replace
from typing import Any

from pydantic import BaseModel

from edgeprune.report.race import Raced


class Heat(BaseModel):
    """One rung of a race, by the names of those that ran.

    Attributes:
        scores: accuracy on the reward split.
        seconds: of training so far.
        dropped: who is left aside.
    """

    scores: dict[str, float]
    seconds: dict[str, float]
    dropped: tuple[str, ...]


class Mended(BaseModel):
    """What became of contenders that fine-tuning had made worse, by their names.

    Attributes:
        lr_shares: share of the recipe's learning rate that served them best; 0: no training.
        scores: accuracy on the reward split with that.
        seconds: that all of their trainings took.
    """

    lr_shares: dict[str, float] = {}
    scores: dict[str, float] = {}
    seconds: dict[str, float] = {}


class Aside(BaseModel):
    """Contenders of a race that the device failed to measure.

    Attributes:
        reasons: why, by their names.
    """

    reasons: dict[str, str] = {}


class Race(BaseModel):
    """A finished race."""

    contenders: tuple[Raced, ...] = ()

    def with_winner(self, found_by: str | None) -> tuple[Raced, ...]:
        """The contenders, the result's marked as chosen."""
        return tuple(replace(one, chosen=one.found_by == found_by) for one in self.contenders)

    @classmethod
    def upgraded(cls, content: list[Any]) -> dict[str, Any]:
        """Version 1 was a bare list."""
        return {"contenders": content}
