"""What a race leaves: after each of its rungs, and in the end."""

from typing import Any

from pydantic import BaseModel


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


class RaceLine(BaseModel):
    """What became of one contender.

    Attributes:
        name: of its files.
        found_by: where its widths come from.
        widths: its own.
        roles: the baselines whose plan it is.
        reward_accuracy: on the reward split, by epochs of fine-tuning.
        epochs: that it was tuned for.
        seconds: that took.
        dropped_after: epochs; None where it ran to the end.
    """

    name: str
    found_by: str
    widths: dict[str, int]
    roles: tuple[str, ...]
    reward_accuracy: dict[int, float]
    epochs: int
    seconds: float
    dropped_after: int | None


class Race(BaseModel):
    """A finished race."""

    contenders: tuple[RaceLine, ...] = ()

    @classmethod
    def upgraded(cls, content: list[Any]) -> dict[str, Any]:
        """Version 1 was a bare list."""
        return {"contenders": content}
