"""What a run was seen to take beside latency, where its budget limits that."""

from dataclasses import dataclass

from edgeprune.pipeline.records.compact import Compact


@dataclass(frozen=True)
class Taken:
    """Widths, and what they were seen to take by the quantity's name."""

    widths: dict[str, int]
    values: dict[str, float]


class Amounts(Compact):
    """Budgets beside latency, and what is known before the search.

    Attributes:
        base: what the base model takes, by the quantity's name.
        limits: what is allowed of each.
        taken: what some plans take, the smallest one last.
    """

    base: dict[str, float]
    limits: dict[str, float]
    taken: tuple[Taken, ...]
