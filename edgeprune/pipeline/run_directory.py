"""The run directory: where a run keeps everything it has done, so that it can be resumed."""

import logging
import shutil
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from filelock import FileLock, Timeout

from edgeprune.config import dump_pipeline, load_pipeline
from edgeprune.errors import EdgepruneError, RunError
from edgeprune.files import sync_folder, write_atomic
from edgeprune.passwords import masked
from edgeprune.records import Kind, TornRecordError, read_record, write_record

_log = logging.getLogger(__name__)


class RunDirectory:
    """Files of one run; a stage is done once its record is in ``stages/``.

    ::

        pipeline.yaml            the pipeline as it runs: paths absolute, overrides applied
        log.txt                  what happened, with times
        stages/<stage>.json      the record of each finished stage
        search/ random/          one Optuna journal and sampler snapshot per search; of several
                                 budgets the looser ones have search-0.7x/ random-0.7x/
        contenders/              weights and plan of base, result, uniform, filled and random
        ladder/latency-0.7x/     the bundle of a looser budget, or of a regime of the search
        model.onnx plan.json weights.safetensors manifest.json    the bundle
        report.html
    """

    def __init__(self, path: str | Path) -> None:
        self.path = Path(path).absolute()

    @property
    def boards(self) -> Path:
        """How the boards of a pool stand, while a process runs here."""
        return self.path / "boards.json"

    @property
    def pipeline(self) -> Path:
        """The resolved pipeline file."""
        return self.path / "pipeline.yaml"

    @property
    def report(self) -> Path:
        """The HTML page."""
        return self.path / "report.html"

    def create(self, pipeline_text: str) -> None:
        """Make the directory for this pipeline, or take up the one that has it already.

        Raises:
            RunError: it holds another pipeline's run, other files, or cannot be written.
        """
        try:
            if self.pipeline.exists():
                self._same_pipeline(pipeline_text)
            elif self.path.exists() and (not self.path.is_dir() or any(self.path.iterdir())):
                msg = (
                    f"{self.path} is not an empty folder and not a run directory; "
                    "give another --run-dir"
                )
                raise RunError(msg)
            for folder in ("stages", "contenders"):
                (self.path / folder).mkdir(parents=True, exist_ok=True)
            sync_folder(self.path.parent)
            if not self.pipeline.exists():
                write_atomic(self.pipeline, pipeline_text.encode())
                if masked(pipeline_text) != pipeline_text:  # arguments of one's own code
                    self.pipeline.chmod(0o600)
        except OSError as error:
            msg = f"cannot write the run directory {self.path}: {error.strerror or error}"
            raise RunError(msg) from error

    def discard(self) -> None:
        """Remove the directory of a run that had not begun: nothing was computed in it."""
        kept = {self.pipeline, self.path / "log.txt", self.path / ".lock", self.boards}
        files = {path for path in self.path.rglob("*") if path.is_symlink() or not path.is_dir()}
        if files <= kept:
            shutil.rmtree(self.path, ignore_errors=True)

    def _same_pipeline(self, text: str) -> None:
        kept = self.pipeline.read_text(encoding="utf-8")
        with suppress(EdgepruneError):  # of another version, settings that came since are not there
            kept = dump_pipeline(load_pipeline(self.pipeline))
        if text in {kept, masked(kept)}:  # 0.1 kept the passwords of addresses
            return
        changes = [
            masked(f"{old.strip()!r} there, {new.strip()!r} now")
            for old, new in zip(kept.splitlines(), text.splitlines(), strict=False)
            if old != new
        ]
        what = "; ".join(changes[:3]) or "other settings"
        msg = (
            f"{self.path} holds the run of another pipeline ({what}); "
            f"give another --run-dir, or `edgeprune resume {self.path}` to go on with that one"
        )
        raise RunError(msg)

    def check(self) -> None:
        """Raise `RunError` unless this is a run directory."""
        if not self.pipeline.is_file():
            missing = "has no pipeline.yaml" if self.path.is_dir() else "does not exist"
            msg = f"{self.path} is no run directory: it {missing}"
            raise RunError(msg)

    @contextmanager
    def locked(self) -> Iterator[None]:
        """Keep other processes out while this one works; a killed process lets go by itself.

        Raises:
            RunError: another process is running here, or the directory is read-only.
        """
        for name in (".lock", "log.txt"):
            if (self.path / name).is_symlink():
                msg = f"{self.path / name} is a link, which edgeprune never makes; remove it"
                raise RunError(msg)
        lock = FileLock(self.path / ".lock", timeout=0)
        try:
            lock.acquire()
        except Timeout as error:
            msg = f"another edgeprune process is running in {self.path}"
            raise RunError(msg) from error
        except OSError as error:
            msg = f"cannot write the run directory {self.path}: {error.strerror}"
            raise RunError(msg) from error
        try:
            yield
        finally:
            lock.release()

    def contender(self, name: str, suffix: str) -> Path:
        """A contender's file, e.g. ``contenders/uniform.safetensors``."""
        return self.path / "contenders" / f"{_plain(name)}.{suffix}"

    def done(self, stage: str) -> bool:
        """Whether a stage has finished: its record is there, and whole."""
        return self.record(stage, object) is not None

    def torn(self, stage: str) -> bool:
        """Whether a record is there, but not whole."""
        return self._stage(stage).exists() and not self.done(stage)

    def record(self, stage: str, kind: type[Kind]) -> Kind | None:
        """What a finished stage left, or None when it has not finished.

        A record that is torn or empty, as a power cut or a half copied directory leaves it, is
        none: the stage is done anew.

        Raises:
            RunError: a newer version wrote it, or it is of another shape.
        """
        try:
            return read_record(self._stage(stage), kind)
        except FileNotFoundError:
            return None
        except TornRecordError as error:
            _log.warning("%s; stage %s is done anew", error, stage)
            return None

    def finish(self, stage: str, record: Kind) -> Kind:
        """Mark a stage as finished with its record, and give the record back as it is read."""
        write_record(self._stage(stage), record)
        return read_record(self._stage(stage), type(record))

    def forget(self, stage: str) -> None:
        """Let a stage be done anew."""
        self._stage(stage).unlink(missing_ok=True)

    def _stage(self, stage: str) -> Path:
        return self.path / "stages" / f"{_plain(stage)}.json"


def _plain(name: str) -> str:
    """A name, as it is: a record of somebody else's run cannot make us write elsewhere.

    Raises:
        RunError: it leads out of its folder.
    """
    if not name or name.startswith(".") or set(name) & set("/\\\0"):
        msg = f"{name!r} is no name of a contender or a stage: it leads out of the run directory"
        raise RunError(msg)
    return name
