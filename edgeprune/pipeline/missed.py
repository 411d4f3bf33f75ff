"""What a run could not write into the history: a file in its directory, until it can."""

from collections.abc import Iterable
from functools import partial
from pathlib import Path

from edgeprune.files import replacing
from edgeprune.history import History, HistoryError, HistoryUnavailableError
from edgeprune.history.exchange import Records, bounded_lines, import_lines, record_lines
from edgeprune.pipeline.consent import ours
from edgeprune.pipeline.progress import Reporter
from edgeprune.pipeline.run_directory import RunDirectory
from edgeprune.pipeline.run_history import RunHistory

_NAME = "history-missed-{}.jsonl"


def keep_missed(directory: RunDirectory, what: str, records: Iterable[Records]) -> Path:
    """Write records that the history lacks, as `edgeprune history export` would.

    Args:
        directory: of the run.
        what: names the file; one of the same name is replaced.
        records: of the run's target.
    """
    path = _path(directory, what)
    with replacing(path, mode=0o600) as file:
        for line in record_lines(records):
            file.write(f"{line}\n".encode())
    return path


def drop_missed(directory: RunDirectory, what: str) -> None:
    """Remove the file: the history has it all."""
    _path(directory, what).unlink(missing_ok=True)


def write_missed(directory: RunDirectory, history: RunHistory, reporter: Reporter) -> None:
    """Write what earlier could not be written, where there is such a thing; told where not.

    Files in somebody else's directory are left: they would count as measured here.

    Args:
        directory: of the run.
        history: of the run.
        reporter: tells the user.
    """
    for path in sorted(directory.path.glob(_NAME.format("*"))):
        if not ours(directory):
            reporter.say(
                f"{path.name} is not written into the history: the run was not made here; "
                f"`edgeprune history import {path}` takes it as another device's"
            )
            continue
        away = f"`edgeprune resume {directory.path}` tries again"
        wrong = history.ask(partial(_written, path), away, anyhow=True)
        if wrong:
            reporter.say(f"warning: {path.name} is not in the history: {wrong}")
        else:
            path.unlink(missing_ok=True)
            reporter.log(f"history: {path.name} is written")


def _written(path: Path, history: History) -> str:
    """Import a file; what is wrong with it, which no other try will change."""
    try:
        with path.open(encoding="utf-8") as file:
            import_lines(history, bounded_lines(file), str(path), own=True)
    except HistoryUnavailableError:
        raise
    except (HistoryError, OSError) as error:
        return f"{error}; remove the file to go without"
    return ""


def _path(directory: RunDirectory, what: str) -> Path:
    return directory.path / _NAME.format(what)
