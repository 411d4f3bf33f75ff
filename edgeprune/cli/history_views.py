"""What `edgeprune history` does and prints."""

import os
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from rich.table import Table

from edgeprune.cli.outcomes import print_json
from edgeprune.errors import nearest
from edgeprune.files import write_atomic
from edgeprune.history import History, HistoryError, RunLine
from edgeprune.history.database import history_url
from edgeprune.history.exchange import Parcel, export_lines, import_parcel, read_parcel
from edgeprune.passwords import masked
from edgeprune.terminal import console, say

#: Facts that tell devices apart for a reader.
_SHOWN = ("board", "cpu", "runtime", "version", "threads", "precision", "batch")
_SHORT = 12


def opened(url: str | None, *, new: bool = False) -> History:
    """The history, open; a context manager.

    Args:
        url: as the user gave it; None: the user's own, which begins empty.
        new: whether a file that the user named may begin here.

    Raises:
        HistoryError: it cannot be read, or is not there.
    """
    if url is not None and not new:
        file = history_url(url).database if "://" not in url else None
        if file is not None and not Path(file).exists():
            msg = f"no history at {url}; `edgeprune history import` and `edgeprune run` begin one"
            raise HistoryError(msg)
    return History.open(url)


@dataclass(frozen=True)
class RunSummary:
    """A run in one line; ``best_reward`` is that of trials within the budget."""

    id: str
    workload: str
    search: str | None
    sampler: str | None
    budget: float
    trials: int
    best_reward: float | None
    started: str


@dataclass(frozen=True)
class KnownTarget:
    """A device: its facts, how many kernels are known, widths' multiples by layer, its runs."""

    key: str
    facts: dict[str, Any]
    kernels: int
    multiples: dict[str, int]
    runs: tuple[RunSummary, ...]


@dataclass(frozen=True)
class TrialFound:
    """A trial of a run."""

    number: int
    reward: float
    accuracy: float
    latency_ratio: float
    widths: dict[str, int]


@dataclass(frozen=True)
class RunDetails(RunSummary):
    """A run with all that is known of it; ``full`` are the uncut widths."""

    target: str
    facts: dict[str, Any]
    workload_facts: dict[str, Any]
    full: dict[str, int]
    trials_found: tuple[TrialFound, ...]


def known_targets(history: History, target: str | None) -> list[KnownTarget]:
    """Targets with their kernels and runs; all, or the one whose key begins so.

    Raises:
        HistoryError: no target's key begins so, or several do.
    """
    known = history.targets()
    wanted = sorted(known) if target is None else [_one(target, known, "target")]
    return [
        KnownTarget(
            key,
            known[key],
            len(history.kernels(key)),
            {layer: one.multiple for layer, one in history.multiples(key).items()},
            tuple(_summary(history, line) for line in history.runs.lines(key)),
        )
        for key in wanted
    ]


def show_targets(targets: Sequence[KnownTarget]) -> None:
    """Print an overview as tables."""
    if not targets:
        say("nothing yet: `edgeprune run` and `edgeprune target probe` write here")
    for target in targets:
        facts = ", ".join(f"{name} {target.facts[name]}" for name in _SHOWN if name in target.facts)
        say(f"{target.key[:_SHORT]} {facts}")
        say(f"  {target.kernels} kernels, {len(target.runs)} runs")
        if target.runs:
            console().print(_table(target.runs))


def run_details(history: History, run: str) -> RunDetails:
    """One run with its trials.

    Raises:
        HistoryError: no run has this id, or several begin so.
    """
    lines = {line.run.id: line for line in history.runs.lines()}
    line = lines[_one(run, lines, "run")]
    return RunDetails(
        **vars(_summary(history, line)),
        target=line.run.target,
        facts=dict(line.run.facts),
        workload_facts=dict(line.run.workload),
        full=dict(zip(line.run.space.groups, line.run.space.full, strict=True)),
        trials_found=tuple(
            TrialFound(
                trial.number,
                trial.reward,
                trial.outcome["accuracy"],
                trial.outcome["latency_ratio"],
                dict(trial.widths),
            )
            for trial in history.runs.trials(line.run.id)
        ),
    )


def show_run(run: RunDetails) -> None:
    """Print a run as a table."""
    say(f"{run.id} {run.workload}, target {run.target}")
    facts = ", ".join(f"{name} {value}" for name, value in sorted(run.facts.items()))
    say(f"  {facts}, started {run.started}")
    table = Table()
    for heading in ("trial", "reward", "accuracy", "latency", "widths"):
        table.add_column(heading, justify="left" if heading == "widths" else "right")
    for trial in run.trials_found:
        table.add_row(
            str(trial.number),
            f"{trial.reward:.4f}",
            f"{trial.accuracy:.2%}",
            f"{trial.latency_ratio:.3f}x",
            " ".join(map(str, trial.widths.values())),
        )
    console().print(table)


def export_file(history: History, file: Path, target: str | None) -> dict[str, int]:
    """Write a history's records into a file, and how many there are.

    Raises:
        HistoryError: the target is not known, or the file cannot be written.
    """
    key = None if target is None else _one(target, history.targets(), "target")
    lines = list(export_lines(history, key))
    try:
        write_atomic(file, ("\n".join(lines) + "\n").encode())
        os.chmod(file, 0o600)
    except (OSError, ValueError) as error:  # ValueError: "." and "" have no name of their own
        msg = f"cannot write {file}: {getattr(error, 'strerror', None) or 'it is no file'}"
        raise HistoryError(msg) from error
    return read_parcel(lines, str(file)).counts()


def import_file(history: History, file: Path) -> dict[str, int]:
    """Add a file's records, and how many it has.

    Raises:
        HistoryError: the file cannot be read, or a record is broken; nothing is added then.
    """
    try:
        with file.open(encoding="utf-8") as lines:
            parcel = read_parcel(lines, str(file))
    except UnicodeDecodeError as error:
        msg = (
            f"{file} is no exported history; `edgeprune history export FILE` writes one, and "
            "`edgeprune history merge` takes a database"
        )
        raise HistoryError(msg) from error
    except OSError as error:
        msg = f"cannot read {file}: {error.strerror or error}"
        raise HistoryError(msg) from error
    return _add(history, parcel)


def merge_from(history: History, source: str) -> dict[str, int]:
    """Add another history's records, and how many it has.

    Raises:
        HistoryError: it does not exist or cannot be read.
    """
    if "://" not in source and not Path(source).expanduser().is_file():
        msg = f"there is no history {source}; allowed: a file that is one, or a database URL"
        raise HistoryError(msg)
    with History.open(source) as other:
        return _add(history, read_parcel(export_lines(other), masked(source)))


def forget(
    history: History,
    runs: Sequence[str],
    older_than: float | None,
    target: str | None,
    *,
    dry_run: bool,
) -> list[RunSummary]:
    """Forget the runs that all given conditions hold for.

    Args:
        history: open.
        runs: ids, or how they begin; all if none.
        older_than: days.
        target: a target's key, or how it begins.
        dry_run: forget nothing.

    Returns:
        The runs.

    Raises:
        HistoryError: nothing is asked for, or a run or target is not known.
    """
    if not runs and older_than is None and target is None:
        msg = "say what to forget: ids of runs, --older-than DAYS or --target KEY"
        raise HistoryError(msg)
    key = None if target is None else _one(target, history.targets(), "target")
    lines = history.runs.lines(key)
    if runs:
        known = {line.run.id: line for line in lines}
        lines = [known[_one(run, known, "run")] for run in runs]
    if older_than is not None:
        limit = _days_ago(older_than)
        lines = [line for line in lines if line.run.started_at < limit]
    found = [_summary(history, line) for line in lines]
    if not dry_run:
        history.runs.remove([line.run.id for line in lines])
    return found


def show_forgotten(found: Sequence[RunSummary], *, dry_run: bool, as_json: bool) -> None:
    """Print what was forgotten, or would be."""
    if as_json:
        print_json({"forgotten": [asdict(one) for one in found], "dry_run": dry_run})
        return
    if found:
        console().print(_table(found))
    say(f"{len(found)} runs {'would be ' if dry_run else ''}forgotten")


def show_counts(counts: dict[str, int], what: str, *, as_json: bool) -> None:
    """Print how many records were moved."""
    if as_json:
        print_json(counts)
    else:
        say(f"{', '.join(f'{count} {name}' for name, count in counts.items())} {what}")


def _add(history: History, parcel: Parcel) -> dict[str, int]:
    import_parcel(history, parcel)
    return parcel.counts()


def _days_ago(days: float) -> datetime:
    try:
        return datetime.now(UTC) - timedelta(days=days)
    except OverflowError as error:
        msg = f"no history is {days:g} days old"
        raise HistoryError(msg) from error


def _summary(history: History, line: RunLine) -> RunSummary:
    run = line.run
    trials = history.runs.trials(run.id)
    within = [t.reward for t in trials if t.outcome["latency_ratio"] <= run.facts["budget"]]
    names = (str(run.workload.get(name, "")) for name in ("model", "data"))
    return RunSummary(
        id=run.id,
        workload=" on ".join(filter(None, names)),
        search=run.facts.get("search"),
        sampler=run.facts.get("sampler"),
        budget=run.facts["budget"],
        trials=line.trials,
        best_reward=max(within, default=None),
        started=run.started_at.isoformat(timespec="seconds"),
    )


def _table(runs: Sequence[RunSummary]) -> Table:
    table = Table()
    table.add_column("run", no_wrap=True, min_width=_SHORT)  # what other commands are given
    for heading in ("workload", "sampler", "budget", "trials", "best reward", "started"):
        table.add_column(heading)
    for run in runs:
        table.add_row(
            run.id[:_SHORT],
            run.workload,
            str(run.sampler),
            f"{run.budget:.3g}x",
            str(run.trials),
            "-" if run.best_reward is None else f"{run.best_reward:.4f}",
            run.started,
        )
    return table


def _one(start: str, known: Iterable[str], what: str) -> str:
    """The only key that begins so."""
    keys = list(known)
    found = [key for key in keys if key.startswith(start)]
    if start in keys:
        return start
    if len(found) == 1:
        return found[0]
    if found:
        msg = f"several {what}s begin with {start!r}: {', '.join(sorted(found))}"
    else:
        hint = nearest(start, keys)
        msg = f"the history knows no {what} {start!r}{hint}; `edgeprune history list` shows all"
    raise HistoryError(msg)
