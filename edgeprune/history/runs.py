"""Searches in a history: they are written as they go, and read by later ones."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import Engine, delete, func, select
from sqlalchemy.dialects import postgresql, sqlite

from edgeprune.history.database import reading, writing
from edgeprune.history.errors import HistoryError
from edgeprune.history.keys import digest
from edgeprune.history.run_records import RunRecord, RunSpace, TrialRecord
from edgeprune.history.tables import runs, targets, trials, workloads

INSERTS: dict[str, Any] = {"sqlite": sqlite.insert, "postgresql": postgresql.insert}


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
        workload = digest(dict(run.workload))
        insert = INSERTS[self._engine.dialect.name]
        facts = {"key": workload, "facts": dict(run.workload), "first_seen": datetime.now(UTC)}
        row = {
            "id": run.id,
            "target": run.target,
            "workload": workload,
            "facts": dict(run.facts),
            "space": asdict(run.space),
            "started_at": run.started_at.astimezone(UTC),
        }
        with writing(self._engine) as connection:
            wanted = select(targets.c.key).where(targets.c.key == run.target)
            if connection.execute(wanted).first() is None:
                msg = f"the history knows no target {run.target!r}; record the target first"
                raise HistoryError(msg)
            connection.execute(insert(workloads).on_conflict_do_nothing(), [facts])
            connection.execute(insert(runs).on_conflict_do_nothing(), [row])

    def add(self, space: RunSpace, trial: TrialRecord) -> None:
        """Keep a finished trial; see `extend`."""
        self.extend(space, [trial])

    def extend(self, space: RunSpace, found: Sequence[TrialRecord]) -> None:
        """Keep trials, all or none.

        Args:
            space: of their run.
            found: finished ones.

        Raises:
            HistoryError: widths are none of the space, or the run is not known.
        """
        rows = []
        for trial in found:
            space.check(trial.widths)
            actions = None if trial.raw_actions is None else list(trial.raw_actions)
            rows.append(
                {
                    "run": trial.run,
                    "number": trial.number,
                    "candidate": space.candidate(trial.widths),
                    "widths": dict(trial.widths),
                    "raw_actions": actions,
                    "reward": trial.reward,
                    "outcome": dict(trial.outcome),
                    "recorded_at": trial.recorded_at.astimezone(UTC),
                }
            )
        if rows:
            insert = INSERTS[self._engine.dialect.name]
            with writing(self._engine) as connection:
                connection.execute(insert(trials).on_conflict_do_nothing(), rows)

    def lines(self, target: str | None = None) -> list[RunLine]:
        """All runs, or those of a target; the oldest first."""
        counts = select(trials.c.run, func.count().label("count")).group_by(trials.c.run).subquery()
        count = func.coalesce(counts.c.count, 0).label("trials")
        wanted = (
            select(runs, workloads.c.facts.label("workload_facts"), count)
            .join(workloads, workloads.c.key == runs.c.workload)
            .join(counts, counts.c.run == runs.c.id, isouter=True)
            .order_by(runs.c.started_at, runs.c.id)
        )
        if target is not None:
            wanted = wanted.where(runs.c.target == target)
        with reading(self._engine) as connection:
            return [RunLine(_run(row), row.trials) for row in connection.execute(wanted)]

    def trials(self, run: str) -> list[TrialRecord]:
        """The trials of a run, in order; none for an unknown one."""
        wanted = select(trials).where(trials.c.run == run).order_by(trials.c.number)
        with reading(self._engine) as connection:
            return [_trial(row) for row in connection.execute(wanted)]

    def measured(self, target: str, candidate: str) -> Mapping[str, Any] | None:
        """The outcome of a candidate that was measured on a target; the latest, None if never.

        Args:
            target: its key.
            candidate: see `RunSpace.candidate`.
        """
        wanted = (
            select(trials.c.outcome)
            .join(runs, runs.c.id == trials.c.run)
            .where(runs.c.target == target, trials.c.candidate == candidate)
            .order_by(trials.c.recorded_at.desc(), trials.c.run)
            .limit(1)
        )
        with reading(self._engine) as connection:
            found = connection.execute(wanted).scalar()
        return dict(found) if found is not None else None

    def remove(self, ids: Sequence[str]) -> int:
        """Forget runs with all their trials, and how many there were."""
        with writing(self._engine) as connection:
            connection.execute(delete(trials).where(trials.c.run.in_(ids)))
            return int(connection.execute(delete(runs).where(runs.c.id.in_(ids))).rowcount)


def in_utc(moment: datetime) -> datetime:
    """In UTC: SQLite forgets the time zone, PostgreSQL gives the session's."""
    return moment.astimezone(UTC) if moment.tzinfo else moment.replace(tzinfo=UTC)


def _run(row: Any) -> RunRecord:
    space = row.space
    found = RunSpace(
        tuple(space["groups"]),
        tuple(space["full"]),
        tuple(space["feature_names"]),
        tuple(map(tuple, space["features"])),
        space["graph"],
    )
    moment = in_utc(row.started_at)
    return RunRecord(row.id, row.target, row.workload_facts, row.facts, found, moment)


def _trial(row: Any) -> TrialRecord:
    return TrialRecord(
        row.run,
        row.number,
        row.widths,
        row.reward,
        row.outcome,
        None if row.raw_actions is None else tuple(row.raw_actions),
        in_utc(row.recorded_at),
    )
