"""The runs in a folder: how far each is, and what it gave."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from filelock import FileLock, Timeout

from edgeprune.errors import EdgepruneError, RunError
from edgeprune.pipeline.records import Manifest
from edgeprune.pipeline.run_directory import RunDirectory


@dataclass(frozen=True)
class RunLine:
    """One run.

    Attributes:
        path: its directory.
        state: ``finished``, ``running``, ``interrupted`` or ``unreadable``.
        budget: what was asked for; None before it has finished.
        met: whether it holds.
        accuracy: of the result on the test split.
        ratio: the result's latency to the base model's.
        found_by: who found its widths.
        stage: the newest record of one that has not finished.
    """

    path: Path
    state: str
    budget: str | None = None
    met: bool | None = None
    accuracy: float | None = None
    ratio: float | None = None
    found_by: str | None = None
    stage: str | None = None


def overview(folder: Path) -> list[RunLine]:
    """All runs in a folder, by name.

    Raises:
        RunError: there is no such folder.
    """
    if not folder.is_dir():
        msg = f"{folder} is no folder; allowed: one that holds run directories, such as runs/"
        raise RunError(msg)
    return list(_lines(folder))


def _lines(folder: Path) -> Iterator[RunLine]:
    inside = [folder, *sorted(path for path in folder.iterdir() if path.is_dir())]
    for path in inside:
        if not (path / "pipeline.yaml").is_file() or not (path / "stages").is_dir():
            continue
        try:
            manifest = RunDirectory(path).record("bundle", Manifest)
        except EdgepruneError:
            yield RunLine(path, "unreadable")
            continue
        if manifest is None:
            yield RunLine(path, _unfinished(path), stage=_newest(path / "stages"))
            continue
        result = manifest.result
        yield RunLine(
            path,
            "finished",
            manifest.budget.text,
            manifest.budget.met,
            result.verification.accuracy,
            result.ratio,
            result.found_by,
        )


def _unfinished(path: Path) -> str:
    if (path / ".lock").is_symlink():  # not ours: what it leads to would be opened for writing
        return "interrupted"
    try:
        with FileLock(path / ".lock", timeout=0):
            return "interrupted"
    except Timeout:
        return "running"
    except OSError:  # a read-only folder cannot be asked
        return "interrupted"


def _newest(stages: Path) -> str | None:
    records = sorted(stages.glob("*.json"), key=lambda path: path.stat().st_mtime)
    return records[-1].stem if records else None
