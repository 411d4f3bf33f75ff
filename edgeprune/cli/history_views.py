"""What `edgeprune history` does and prints."""

from collections.abc import Iterable, Iterator, Sequence
from contextlib import ExitStack
from dataclasses import asdict, dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from rich.table import Table

from edgeprune.cli.outcomes import print_json
from edgeprune.errors import nearest
from edgeprune.files import replacing
from edgeprune.history import History, HistoryError
from edgeprune.history import RunSummary as KeptRun
from edgeprune.history.database import history_url
from edgeprune.history.exchange import (
    bounded_lines,
    export_lines,
    import_lines,
    import_sources,
)
from edgeprune.passwords import masked
from edgeprune.terminal import console, say

#: Facts that tell devices apart for a reader.
_SHOWN = ("board", "cpu", "runtime", "version", "threads", "precision", "batch")
_SHORT = 12
#: What a file of SQLite begins with.
_SQLITE = b"SQLite format 3\0"


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
    """A run in one line; ``best_reward`` is that of trials within the budget.

    ``imported`` counts the trials that another history measured.
    """

    id: str
    workload: str
    search: str | None
    sampler: str | None
    budget: float
    trials: int
    imported: int
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
    kernels, found = history.kernel_counts(), dict[str, list[RunSummary]]()
    for run in history.runs.summaries(None if target is None else wanted[0]):
        found.setdefault(run.target, []).append(_summary(run))
    return [
        KnownTarget(
            key,
            known[key],
            kernels.get(key, 0),
            {layer: one.multiple for layer, one in history.multiples(key).items()},
            tuple(found.get(key, ())),
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
    kept = _one_run(history, run)
    line = history.runs.line(kept.id)
    if line is None:
        msg = f"run {kept.id} was forgotten just now"
        raise HistoryError(msg)
    return RunDetails(
        **vars(_summary(kept)),
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
            for trial in history.runs.each_trial(line.run.id)
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
    counts = dict.fromkeys(("targets", "kernels", "staircases", "runs", "trials"), 0)
    try:
        with replacing(file, mode=0o600) as written:
            for line in export_lines(history, key):
                written.write(f"{line}\n".encode())
                if (kind := _kind(line)) in counts:
                    counts[kind] += 1
    except (OSError, ValueError) as error:  # ValueError: "." and "" have no name of their own
        msg = f"cannot write {file}: {getattr(error, 'strerror', None) or 'it is no file'}"
        raise HistoryError(msg) from error
    return counts


def _kind(line: str) -> str:
    """The kind of an exported record, which it begins with, as counts name it."""
    return line.split('"', 4)[3] + "s"


def import_file(history: History, file: Path) -> dict[str, int]:
    """Add a file's records, and how many it has.

    Raises:
        HistoryError: the file cannot be read, or a record is broken; nothing is added then.
    """
    try:
        with file.open(encoding="utf-8") as opened:
            return import_lines(history, bounded_lines(opened), str(file))
    except OSError as error:
        msg = f"cannot read {file}: {error.strerror or error}"
        raise HistoryError(msg) from error


def merge_from(history: History, sources: Sequence[str]) -> dict[str, int]:
    """Add other histories' records, all or none, and how many they have.

    Args:
        history: open.
        sources: databases, their URLs, or exported files; what several have counts once.

    Raises:
        HistoryError: one does not exist, cannot be read or is broken; nothing is added then.
    """
    with ExitStack() as stack:
        found = [(masked(one), _lines_of(one, stack)) for one in sources]
        return import_sources(history, found)


def _lines_of(source: str, stack: ExitStack) -> Iterator[str]:
    """Another history's records; it stays open until the stack is closed."""
    path = Path(source).expanduser()
    if "://" not in source and not path.is_file():
        msg = f"there is no history {source}; allowed: a file that is one, or a database URL"
        raise HistoryError(msg)
    try:
        if "://" not in source and _head(path) not in {_SQLITE, b""}:
            return bounded_lines(stack.enter_context(path.open(encoding="utf-8")))
    except OSError as error:
        msg = f"cannot read {source}: {error.strerror or error}"
        raise HistoryError(msg) from error
    return export_lines(stack.enter_context(History.open(source)))


def _head(path: Path) -> bytes:
    with path.open("rb") as file:
        return file.read(len(_SQLITE))


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
    before = None if older_than is None else _days_ago(older_than)
    if runs:
        found = [_one_run(history, run, key) for run in runs]
        found = [run for run in found if before is None or run.started_at < before]
    else:
        found = history.runs.summaries(key, before=before)
    if not dry_run:
        history.runs.remove([run.id for run in found])
    return [_summary(run) for run in found]


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


def _days_ago(days: float) -> datetime:
    try:
        return datetime.now(UTC) - timedelta(days=days)
    except OverflowError as error:
        msg = f"no history is {days:g} days old"
        raise HistoryError(msg) from error


def _one_run(history: History, begins: str, target: str | None = None) -> KeptRun:
    """The only run whose id begins so."""
    found = {run.id: run for run in history.runs.summaries(target, begins=begins)}
    known = found or history.runs.ids(target)
    return found[_one(begins, known, "run")]


def _summary(run: KeptRun) -> RunSummary:
    names = (str(run.workload.get(name, "")) for name in ("model", "data"))
    return RunSummary(
        id=run.id,
        workload=" on ".join(filter(None, names)),
        search=run.facts.get("search"),
        sampler=run.facts.get("sampler"),
        budget=run.facts["budget"],
        trials=run.trials,
        imported=run.imported,
        best_reward=run.best_reward,
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
            f"{run.trials} (imported)" if run.imported else str(run.trials),
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
