"""Searches and their trials, as plain values."""

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from edgeprune.history.errors import HistoryError
from edgeprune.history.keys import digest


@dataclass(frozen=True)
class RunSpace:
    """What was searched, as far as other searches can learn from it.

    Attributes:
        groups: channel groups in the order of the network.
        full: channels of each.
        feature_names: columns of `features`.
        features: a row for each group.
        graph: signature of the uncut network.

    Raises:
        HistoryError: sizes do not match, or a number is none.
    """

    groups: tuple[str, ...]
    full: tuple[int, ...]
    feature_names: tuple[str, ...]
    features: tuple[tuple[float, ...], ...]
    graph: str

    def __post_init__(self) -> None:
        sizes = {len(self.groups), len(self.full), len(self.features)}
        if len(sizes) != 1 or not self.groups or len(set(self.groups)) != len(self.groups):
            msg = f"a run's {len(self.groups)} groups, widths and features do not match"
            raise HistoryError(msg)
        if any(len(row) != len(self.feature_names) for row in self.features):
            msg = f"a run's features have rows of other lengths than {len(self.feature_names)}"
            raise HistoryError(msg)
        numbers = [value for row in self.features for value in row]
        if not all(map(math.isfinite, numbers)) or min(self.full) < 1:
            msg = "a run's features or widths are no finite, positive numbers"
            raise HistoryError(msg)

    def candidate(self, widths: Mapping[str, int]) -> str:
        """The signature of a candidate: equal ones are one graph.

        Groups that keep everything do not matter, so that it stays the same whatever was free.
        """
        full = dict(zip(self.groups, self.full, strict=True))
        cut = {group: width for group, width in widths.items() if width != full[group]}
        return digest({"graph": self.graph, "cut": cut})

    def check(self, widths: Mapping[str, int]) -> None:
        """Raise `HistoryError` unless these are widths of this space; 0: its branch is removed."""
        full = dict(zip(self.groups, self.full, strict=True))
        if set(widths) != set(full) or any(
            not 0 <= width <= full[group] for group, width in widths.items()
        ):
            msg = f"a trial's widths {dict(widths)} are none of its run's; full are {full}"
            raise HistoryError(msg)


@dataclass(frozen=True)
class RunRecord:
    """One search.

    Attributes:
        id: 32 hexadecimal digits.
        target: key of the target.
        workload: what was pruned: model, data, ...; JSON-able.
        facts: ``search``, ``sampler``, ``seed``, ``budget`` (latency ratio), ``reward``,
            ``trials`` (planned); JSON-able.
        space: what was searched.
        started_at: with a time zone.
    """

    id: str
    target: str
    workload: Mapping[str, Any]
    facts: Mapping[str, Any]
    space: RunSpace
    started_at: datetime = field(default_factory=lambda: datetime.now(UTC))

    def __post_init__(self) -> None:
        budget = self.facts.get("budget")
        if not isinstance(budget, int | float) or not 0 < budget < math.inf:
            msg = f"run {self.id}: the budget {budget!r} is no positive ratio"
            raise HistoryError(msg)
        if not isinstance(sampler := self.facts.get("sampler"), str):
            msg = f"run {self.id}: {sampler!r} is no sampler's name"
            raise HistoryError(msg)


@dataclass(frozen=True)
class TrialRecord:
    """One evaluated candidate.

    Attributes:
        run: the run's id.
        number: from 0, in the order of evaluation.
        widths: kept channels of every group; over the full ones they are the clipped actions.
        reward: what the sampler was told.
        outcome: see `edgeprune.search.Outcome.to_json`; its details hold the raw samples.
        raw_actions: keep ratios that an agent asked for, group by group, before budget and
            rounding; None where the sampler has none. With the run's space, all transitions of
            the episode can be made again from them.
        recorded_at: with a time zone.

    Raises:
        HistoryError: reward, accuracy or latency is no number that can be.
    """

    run: str
    number: int
    widths: Mapping[str, int]
    reward: float
    outcome: Mapping[str, Any]
    raw_actions: tuple[float, ...] | None = None
    recorded_at: datetime = field(default_factory=lambda: datetime.now(UTC))

    def __post_init__(self) -> None:
        found = self.outcome
        latencies = (found.get("latency_ms", 0.0), found.get("latency_ratio", 0.0))
        numbers = (
            self.reward,
            found.get("accuracy", math.nan),
            *latencies,
            *(self.raw_actions or ()),
        )
        if not all(isinstance(one, int | float) and math.isfinite(one) for one in numbers):
            msg = f"trial {self.number} of run {self.run}: a reward or outcome is no number"
            raise HistoryError(msg)
        if min(latencies) <= 0 or self.number < 0:
            msg = f"trial {self.number} of run {self.run}: {min(latencies)} is no latency"
            raise HistoryError(msg)
        if self.raw_actions is not None and len(self.raw_actions) != len(self.widths):
            msg = f"trial {self.number} of run {self.run}: one action for each group is needed"
            raise HistoryError(msg)


@dataclass(frozen=True)
class TrialGlance:
    """What another search learns from a trial: all but its samples.

    Attributes:
        widths: as `TrialRecord`.
        reward: as `TrialRecord`.
        latency_ratio: measured, as a ratio to the base model.
        raw_actions: as `TrialRecord`.
    """

    widths: Mapping[str, int]
    reward: float
    latency_ratio: float
    raw_actions: tuple[float, ...] | None


@dataclass(frozen=True)
class RunSummary:
    """A run without its space.

    Attributes:
        id: as `RunRecord`.
        target: as `RunRecord`.
        workload: as `RunRecord`.
        facts: as `RunRecord`.
        started_at: with a time zone.
        trials: how many it has.
        imported: how many of them another history measured.
        best_reward: of trials within the budget; None where there is none.
    """

    id: str
    target: str
    workload: Mapping[str, Any]
    facts: Mapping[str, Any]
    started_at: datetime
    trials: int
    imported: int
    best_reward: float | None
