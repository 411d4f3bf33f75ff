"""Searches in a history: they are written as they go, and read by later ones."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import Engine, Select, delete, func, select

from edgeprune.history.database import reading, writing
from edgeprune.history.insertions import put_run, put_trials
from edgeprune.history.run_records import (
    RunRecord,
    RunSpace,
    RunSummary,
    TrialGlance,
    TrialRecord,
)
from edgeprune.history.tables import run_lines, runs, trials, workloads

#: Trials that are read at once, where a run may have any number of them.
_AT_ONCE = 50


@dataclass(frozen=True)
class RunLine:
    """A run and how many trials it has."""

    run: RunRecord
    trials: int


class Runs:
    """The runs of a history; see `edgeprune.history.History.runs`.

    What is recorded twice is kept once, and never changed.
    """

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    def start(self, run: RunRecord) -> None:
        """Make a run known.

        Raises:
            HistoryError: its target is not known.
        """
        with writing(self._engine) as connection:
            put_run(connection, run)

    def add(self, space: RunSpace, trial: TrialRecord) -> None:
        """Keep a finished trial; see `extend`."""
        self.extend(space, [trial])

    def extend(self, space: RunSpace, found: Sequence[TrialRecord]) -> None:
        """Keep trials that were measured here, all or none.

        Args:
            space: of their run.
            found: finished ones of one run.

        Raises:
            HistoryError: widths are none of the space, or the run is not known.
        """
        with writing(self._engine) as connection:
            put_trials(connection, space, found)

    def ids(self, target: str | None = None) -> list[str]:
        """Ids of all runs, or those of a target; the oldest first."""
        wanted = select(run_lines.c.run).order_by(run_lines.c.started_at, run_lines.c.run)
        if target is not None:
            wanted = wanted.where(run_lines.c.target == target)
        with reading(self._engine) as connection:
            return list(connection.execute(wanted).scalars())

    def line(self, run: str) -> RunLine | None:
        """A run by its id; None where it is not known."""
        wanted = (
            select(runs, workloads.c.facts.label("workload_facts"), run_lines.c.trials)
            .join(workloads, workloads.c.key == runs.c.workload)
            .join(run_lines, run_lines.c.run == runs.c.id)
            .where(runs.c.id == run)
        )
        with reading(self._engine) as connection:
            row = connection.execute(wanted).first()
            return None if row is None else RunLine(_run(row), row.trials)

    def lines(self, target: str | None = None) -> list[RunLine]:
        """All runs, or those of a target; the oldest first."""
        found = (self.line(run) for run in self.ids(target))
        return [line for line in found if line is not None]

    def summaries(
        self,
        target: str | None = None,
        *,
        begins: str = "",
        before: datetime | None = None,
    ) -> list[RunSummary]:
        """Runs without their spaces, the oldest first.

        Args:
            target: only those of this target.
            begins: only those whose id begins so.
            before: only those that started before this moment.
        """
        wanted = (
            select(
                run_lines,
                runs.c.facts,
                workloads.c.facts.label("workload_facts"),
            )
            .join(runs, runs.c.id == run_lines.c.run)
            .join(workloads, workloads.c.key == runs.c.workload)
            .order_by(run_lines.c.started_at, run_lines.c.run)
        )
        if target is not None:
            wanted = wanted.where(run_lines.c.target == target)
        if begins:
            wanted = wanted.where(run_lines.c.run.startswith(begins, autoescape=True))
        if before is not None:
            wanted = wanted.where(run_lines.c.started_at < before.astimezone(UTC))
        with reading(self._engine) as connection:
            return [_summary(row) for row in connection.execute(wanted)]

    def useful(
        self, target: str, *, graph: str, reward: str, budget: float, retrained: bool, most: int
    ) -> list[str]:
        """Ids of the runs that a new one learns most from, the best first.

        Those of the same target come first, then those that trained candidates or did not alike,
        of a budget near by, of the same network, with more trials, and newer ones.

        Args:
            target: its key.
            graph: signature of the new run's network.
            reward: only runs with this one are compared.
            budget: as a ratio.
            retrained: whether the new run trains candidates before it scores them.
            most: how many at most.
        """
        line = run_lines.c
        wanted = (
            select(line.run)
            # Trials of joint training were scored with weights that had learned to be cut.
            .where(line.trials > 0, line.reward == reward, line.sampler != "joint")
            .order_by(
                line.target != target,
                line.retrained != retrained,
                func.round(100 * func.abs(line.budget - budget)),
                line.graph != graph,
                line.trials.desc(),
                line.started_at.desc(),
                line.run,
            )
            .limit(most)
        )
        with reading(self._engine) as connection:
            return list(connection.execute(wanted).scalars())

    def trials(self, run: str) -> list[TrialRecord]:
        """The trials of a run, in order; none for an unknown one."""
        return list(self.each_trial(run))

    def each_trial(self, run: str) -> Iterator[TrialRecord]:
        """As `trials`, a few in memory at a time."""
        last = -1
        while True:
            wanted = select(trials).where(trials.c.run == run, trials.c.number > last)
            with reading(self._engine) as connection:
                rows = connection.execute(_in_order(wanted).limit(_AT_ONCE)).all()
                found = [_trial(row) for row in rows]
            yield from found
            if len(found) < _AT_ONCE:
                return
            last = found[-1].number

    def glances(self, run: str, most: int) -> list[TrialGlance]:
        """The trials of a run without their samples, in order.

        Args:
            run: its id.
            most: of a longer run every second, third, ... trial.
        """
        count = select(run_lines.c.trials).where(run_lines.c.run == run)
        columns = (trials.c.widths, trials.c.reward, trials.c.latency_ratio, trials.c.raw_actions)
        with reading(self._engine) as connection:
            every = -(-(connection.execute(count).scalar() or 0) // most) or 1
            wanted = select(*columns).where(
                trials.c.run == run,
                trials.c.number % every == 0,
                trials.c.latency_ratio.is_not(None),
            )
            return [
                TrialGlance(row.widths, row.reward, row.latency_ratio, _actions(row))
                for row in connection.execute(_in_order(wanted))
            ]

    def numbers(self, run: str) -> set[int]:
        """Which trials of a run are there, but for imported ones."""
        wanted = select(trials.c.number).where(trials.c.run == run, ~trials.c.imported)
        with reading(self._engine) as connection:
            return set(connection.execute(wanted).scalars())

    def measured(self, target: str, candidate: str) -> Mapping[str, Any] | None:
        """The outcome of a candidate that was measured on a target; the latest, None if never.

        What another history measured is never one of these: it may be wrong, or be wrong here.

        Args:
            target: its key.
            candidate: see `RunSpace.candidate`.
        """
        found = (
            select(trials.c.run, trials.c.number)
            .join(run_lines, run_lines.c.run == trials.c.run)
            .where(
                trials.c.candidate == candidate,
                ~trials.c.imported,
                run_lines.c.target == target,
            )
            .order_by(trials.c.recorded_at.desc(), trials.c.run.desc())
            .limit(1)
        )
        with reading(self._engine) as connection:
            row = connection.execute(found).first()
            if row is None:
                return None
            wanted = select(trials.c.outcome).where(
                trials.c.run == row.run, trials.c.number == row.number
            )
            return dict(connection.execute(wanted).scalar_one())

    def remove(self, ids: Sequence[str]) -> int:
        """Forget runs with all their trials, and how many there were."""
        with writing(self._engine) as connection:
            removed = 0
            for run in ids:
                connection.execute(delete(trials).where(trials.c.run == run))
                connection.execute(delete(run_lines).where(run_lines.c.run == run))
                removed += connection.execute(delete(runs).where(runs.c.id == run)).rowcount
            return removed


def read_space(row: Mapping[str, Any]) -> RunSpace:
    """A run's space from its column."""
    return RunSpace(
        tuple(row["groups"]),
        tuple(row["full"]),
        tuple(row["feature_names"]),
        tuple(map(tuple, row["features"])),
        row["graph"],
    )


def in_utc(moment: datetime) -> datetime:
    """In UTC: SQLite forgets the time zone, PostgreSQL gives the session's."""
    return moment.astimezone(UTC) if moment.tzinfo else moment.replace(tzinfo=UTC)


def _in_order(wanted: Select[Any]) -> Select[Any]:
    return wanted.order_by(trials.c.number)


def _run(row: Any) -> RunRecord:
    moment = in_utc(row.started_at)
    return RunRecord(
        row.id, row.target, row.workload_facts, row.facts, read_space(row.space), moment
    )


def _summary(row: Any) -> RunSummary:
    return RunSummary(
        row.run,
        row.target,
        row.workload_facts,
        row.facts,
        in_utc(row.started_at),
        row.trials,
        row.imported,
        row.best_reward,
    )


def _actions(row: Any) -> tuple[float, ...] | None:
    return None if row.raw_actions is None else tuple(row.raw_actions)


def _trial(row: Any) -> TrialRecord:
    return TrialRecord(
        row.run,
        row.number,
        row.widths,
        row.reward,
        row.outcome,
        _actions(row),
        in_utc(row.recorded_at),
    )
