"""How the result was chosen: contenders were fine-tuned a little, and the worse half dropped."""

from collections.abc import Sequence
from dataclasses import dataclass, field

from edgeprune.report import numbers
from edgeprune.report.fields import EXACT, Count, NotNegative, Score


@dataclass(frozen=True)
class Raced:
    """One contender of the race.

    Attributes:
        name: of its files; ``search-12`` where the user's own search found it.
        found_by: who found it: ``knapsack trial 12``.
        reward_accuracy: on the reward split, by the number of epochs it had been tuned for.
        epochs: that it was tuned for in all.
        seconds: that took.
        widths: kept channels by group, or densities of layers in thousandths.
        roles: the baselines whose plan it is; such are never dropped.
        dropped_after: epochs after which it was left aside; None where it ran to the end.
        set_aside: why its file could not be measured, so that it cannot be the result.
        chosen: whether it is the result.
    """

    __pydantic_config__ = EXACT

    name: str
    found_by: str
    reward_accuracy: dict[int, Score]
    epochs: Count
    seconds: NotNegative
    widths: dict[str, Count] = field(default_factory=dict)
    roles: tuple[str, ...] = ()
    dropped_after: Count | None = None
    set_aside: str | None = None
    chosen: bool = False

    @property
    def searched(self) -> bool:
        """Whether the user's own search found it, a baseline too or not."""
        return self.name.startswith("search-")

    @property
    def score(self) -> float:
        """Its last accuracy."""
        return self.reward_accuracy[max(self.reward_accuracy)]


def winner(race: Sequence[Raced]) -> Raced | None:
    """The contender that became the result."""
    return next((one for one in race if one.chosen), None)


def race_rungs(race: Sequence[Raced]) -> list[int]:
    """Epochs after which contenders were compared, ascending."""
    return sorted({rung for one in race for rung in one.reward_accuracy})


def race_sentences(race: Sequence[Raced]) -> list[str]:
    """Who won and what finding that out took; none where there was no race."""
    chosen = winner(race)
    if chosen is None:
        return []
    score = numbers.percent(chosen.score)
    found = [_won(chosen, race, score)]
    aside = [
        f"{one.found_by} was set aside, because the device failed to measure it: {one.set_aside}"
        for one in race
        if one.set_aside
    ]
    *steps, _ = race_rungs(race)
    epochs = sum(one.epochs for one in race)
    seconds = sum(one.seconds for one in race)
    if not epochs:
        found.append(f"{len(race)} contenders were compared as they are, without fine-tuning.")
        return [*found, *aside]
    spent = f"{epochs} epochs of training, {numbers.seconds(seconds)}"
    if any(one.dropped_after for one in race):
        when = " and ".join(str(step) for step in steps)
        found.append(
            f"{len(race)} contenders were fine-tuned along one schedule. After {when} "
            f"{'epoch' if steps == [1] else 'epochs'} the worse half of the search's own was "
            "dropped, but for what chance may have put behind the best; baselines ran to the end. "
            f"This took {spent}."
        )
    else:
        found.append(f"{len(race)} contenders were fine-tuned to the end: {spent}.")
    return [*found, *aside]


def _won(chosen: Raced, race: Sequence[Raced], score: str) -> str:
    ended = [one for one in race if one.dropped_after is None and not one.set_aside]
    best = max(one.score for one in ended)
    if chosen.score < best:
        return (
            f"The result is {chosen.found_by}, {score} on the reward split: the files of better "
            "contenders did not meet the budget."
        )
    if chosen.searched:
        found_by = chosen.found_by
        return f"The result is {found_by}: it is the most accurate on the reward split, {score}."
    return (
        f"No trial of the search did better than a baseline, so the result is the baseline's plan: "
        f"{chosen.found_by}, with {score} on the reward split."
    )
