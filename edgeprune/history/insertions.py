"""Records into tables, inside a transaction of the caller's."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import Connection, Table, case, delete, func, select, update
from sqlalchemy.dialects import postgresql, sqlite

from edgeprune.history.errors import HistoryError
from edgeprune.history.keys import digest
from edgeprune.history.records import KernelLatency, Staircase
from edgeprune.history.run_records import RunRecord, RunSpace, TrialRecord
from edgeprune.history.tables import (
    kernel_latencies,
    run_lines,
    runs,
    staircases,
    targets,
    trials,
    workloads,
)

_UPSERTS: dict[str, Any] = {"sqlite": sqlite.insert, "postgresql": postgresql.insert}


def put_target(connection: Connection, key: str, facts: Mapping[str, Any]) -> None:
    """A target; one that is known stays as it is."""
    row = {"key": key, "facts": dict(facts), "first_seen": datetime.now(UTC)}
    _add_unknown(connection, targets, [row])


def put_kernels(
    connection: Connection, target: str, kernels: Iterable[KernelLatency], *, imported: bool = False
) -> None:
    """Latencies of kernels; of one kernel the latest is kept, and nothing imported for one known.

    Raises:
        HistoryError: the target is not known.
    """
    rows = [
        {
            "target": target,
            "kernel": digest(dict(kernel.signature)),
            "signature": dict(kernel.signature),
            "median_ms": kernel.median_ms,
            "low_ms": kernel.interval_ms[0],
            "high_ms": kernel.interval_ms[1],
            "samples": kernel.samples,
            "measured_at": _not_to_come(kernel.measured_at),
        }
        for kernel in kernels
    ]
    _put_measured(connection, kernel_latencies, target, rows, imported=imported)


def put_multiples(
    connection: Connection,
    target: str,
    found: Mapping[str, Staircase],
    *,
    imported: bool = False,
) -> None:
    """Staircases by kind of layer, as `put_kernels`.

    Raises:
        HistoryError: the target is not known.
    """
    rows = [
        {
            "target": target,
            "kind": kind,
            "multiple": staircase.multiple,
            "gain": staircase.gain,
            "measured_at": _not_to_come(staircase.measured_at),
        }
        for kind, staircase in found.items()
    ]
    _put_measured(connection, staircases, target, rows, imported=imported)


def put_run(connection: Connection, run: RunRecord) -> None:
    """A run without trials; one that is known stays as it is.

    Raises:
        HistoryError: its target is not known.
    """
    _check_target(connection, run.target)
    workload, moment = digest(dict(run.workload)), run.started_at.astimezone(UTC)
    reward = run.facts.get("reward")
    seen = {"key": workload, "facts": dict(run.workload), "first_seen": datetime.now(UTC)}
    row = {
        "id": run.id,
        "target": run.target,
        "workload": workload,
        "facts": dict(run.facts),
        "space": asdict(run.space),
        "started_at": moment,
    }
    line = {
        "run": run.id,
        "target": run.target,
        "graph": run.space.graph,
        "sampler": run.facts["sampler"],
        "reward": reward if isinstance(reward, str) else None,
        "budget": run.facts["budget"],
        "retrained": bool(run.facts.get("retrain_images")),
        "started_at": moment,
        "trials": 0,
        "imported": 0,
        "best_reward": None,
    }
    _add_unknown(connection, workloads, [seen])
    _add_unknown(connection, runs, [row])
    _add_unknown(connection, run_lines, [line])


def put_trials(
    connection: Connection, space: RunSpace, found: Sequence[TrialRecord], *, imported: bool = False
) -> None:
    """Trials of one run; known ones stay as they are, but imported ones give way to its own.

    Raises:
        HistoryError: widths are none of the space, or the run is not known.
    """
    if not found:
        return
    run, rows = found[0].run, [_trial_row(space, trial, imported) for trial in found]
    line = connection.execute(select(run_lines).where(run_lines.c.run == run)).first()
    if line is None:
        msg = f"the history knows no run {run!r}; start it first"
        raise HistoryError(msg)
    replaced = 0
    if line.imported and not imported:
        numbers = [trial.number for trial in found]
        foreign = (trials.c.run == run) & trials.c.imported & trials.c.number.in_(numbers)
        replaced = connection.execute(delete(trials).where(foreign)).rowcount
    added = _add_unknown(connection, trials, rows)
    if added == len(rows) and not replaced:
        rewards = [row["reward"] for row in rows if row["latency_ratio"] <= line.budget]
        if line.best_reward is not None:
            rewards.append(line.best_reward)
        _count(
            connection,
            run,
            trials=run_lines.c.trials + added,
            imported=run_lines.c.imported + (added if imported else 0),
            best_reward=max(rewards, default=None),
        )
    elif added or replaced:
        _recount(connection, run, line.budget)


def _recount(connection: Connection, run: str, budget: float) -> None:
    inside = case((trials.c.latency_ratio <= budget, trials.c.reward))
    foreign = func.sum(case((trials.c.imported, 1), else_=0))
    wanted = select(func.count(), foreign, func.max(inside)).where(trials.c.run == run)
    count, imported, best = connection.execute(wanted).one()
    _count(connection, run, trials=count, imported=imported or 0, best_reward=best)


def _count(connection: Connection, run: str, **values: Any) -> None:
    connection.execute(update(run_lines).where(run_lines.c.run == run).values(**values))


def _trial_row(space: RunSpace, trial: TrialRecord, imported: bool) -> dict[str, Any]:
    space.check(trial.widths)
    return {
        "run": trial.run,
        "number": trial.number,
        "candidate": space.candidate(trial.widths),
        "widths": dict(trial.widths),
        "raw_actions": None if trial.raw_actions is None else list(trial.raw_actions),
        "reward": trial.reward,
        "outcome": dict(trial.outcome),
        "recorded_at": _not_to_come(trial.recorded_at),
        "latency_ratio": trial.outcome["latency_ratio"],
        "imported": imported,
    }


def _not_to_come(moment: datetime) -> datetime:
    """In UTC, and not in the future: what another clock dates there would stay the latest."""
    return min(moment.astimezone(UTC), datetime.now(UTC))


def _add_unknown(connection: Connection, table: Table, rows: list[dict[str, Any]]) -> int:
    """Insert what is not there, and how many rows that were."""
    statement = _UPSERTS[connection.dialect.name](table).on_conflict_do_nothing()
    return int(connection.execute(statement, rows).rowcount)


def _put_measured(
    connection: Connection, table: Table, target: str, rows: list[dict[str, Any]], *, imported: bool
) -> None:
    if not rows:
        return
    _check_target(connection, target)
    if imported:
        _add_unknown(connection, table, rows)
        return
    statement = _UPSERTS[connection.dialect.name](table)
    keys = [column.name for column in table.primary_key]
    changed = {
        column.name: statement.excluded[column.name]
        for column in table.columns
        if column.name not in keys
    }
    # A process that was held up must not overwrite what was measured since.
    newer = statement.excluded.measured_at >= table.c.measured_at
    connection.execute(
        statement.on_conflict_do_update(index_elements=keys, set_=changed, where=newer), rows
    )


def _check_target(connection: Connection, target: str) -> None:
    if connection.execute(select(targets.c.key).where(targets.c.key == target)).first() is None:
        msg = f"the history knows no target {target!r}; record the target first"
        raise HistoryError(msg)
