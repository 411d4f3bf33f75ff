"""A run from end to end; each stage leaves its record, so a killed run goes on where it was."""

import datetime
import errno
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from edgeprune.config import PipelineConfig, dump_pipeline, load_pipeline
from edgeprune.errors import RunError
from edgeprune.pipeline.granularity import check_granularity
from edgeprune.pipeline.names import unknown_names
from edgeprune.pipeline.progress import Reporter
from edgeprune.pipeline.records import Manifest
from edgeprune.pipeline.run_directory import RunDirectory
from edgeprune.pipeline.session import open_session
from edgeprune.pipeline.stages.order import run_stages
from edgeprune.pipeline.stages.report import write_run_report
from edgeprune.records import as_json
from edgeprune.training import mode_named


@dataclass(frozen=True)
class RunResult:
    """What a finished run hands over.

    Attributes:
        directory: the run directory; it is the bundle.
        report: the HTML page.
        bundle: the manifest.

    Examples:
        >>> result = run("examples/digits.yaml")  # doctest: +SKIP
        >>> result.bundle.result.verification.accuracy  # doctest: +SKIP
        0.95
    """

    directory: Path
    report: Path
    bundle: Manifest

    @property
    def met(self) -> bool:
        """Whether the written file meets the budget."""
        return self.bundle.budget.met

    @property
    def manifest(self) -> dict[str, Any]:
        """The content of ``manifest.json``."""
        return as_json(self.bundle)


def run(
    pipeline: str | Path,
    *,
    run_dir: str | Path | None = None,
    overrides: Sequence[str] = (),
    seed: int | None = None,
    progress: bool = True,
) -> RunResult:
    """Run a pipeline file from the trained CNN to the verified, smaller artifact.

    Args:
        pipeline: the pipeline file.
        run_dir: where to keep the run; a new folder under ``runs/`` when not given. A folder that
            holds an unfinished run of the same pipeline is taken up where it stands.
        overrides: ``"budget.latency=0.4x"``-like settings that win over the file.
        seed: short for the override ``search.seed=SEED``.
        progress: show progress bars on standard error.

    Returns:
        The result; `RunResult.met` says whether the budget holds.

    Raises:
        UserError: the pipeline, model, data, target or run directory cannot be used.

    Examples:
        >>> run("examples/digits.yaml", overrides=["search.trials=20"]).met  # doctest: +SKIP
        True
    """
    settings = list(overrides)
    if seed is not None:
        settings.append(f"search.seed={seed}")
    config = load_pipeline(pipeline, settings, unknown_names)
    if config.training_mode is not None:
        mode_named(config.training_mode)  # said now, not after minutes of other work
    check_granularity(config)
    if run_dir is None:
        stamp = datetime.datetime.now().strftime("%Y%m%d-%H%M%S")
        run_dir = Path("runs") / f"{Path(pipeline).stem}-{stamp}"
    directory = RunDirectory(run_dir)
    directory.create(dump_pipeline(config))
    return _execute(config, directory, progress)


def resume(run_dir: str | Path, *, progress: bool = True) -> RunResult:
    """Go on with a run that was interrupted; a finished run is only reported again.

    Args:
        run_dir: the run directory.
        progress: show progress bars on standard error.

    Raises:
        RunError: it is no run directory, or another process is running in it.

    Examples:
        >>> resume("runs/digits").directory  # doctest: +SKIP
        PosixPath('runs/digits')
    """
    directory = RunDirectory(run_dir)
    directory.check()
    return _execute(load_pipeline(directory.pipeline), directory, progress)


def write_report(run_dir: str | Path) -> Path:
    """Write the HTML page of a finished run again, and give its path.

    Raises:
        RunError: it is no run directory, or its run has not finished.
    """
    return write_run_report(RunDirectory(run_dir))


def _execute(config: PipelineConfig, directory: RunDirectory, progress: bool) -> RunResult:
    try:
        with (
            directory.locked(),
            Reporter(directory.path / "log.txt", enabled=progress) as reporter,
        ):
            manifest = directory.record("bundle", Manifest)
            if manifest is None:
                if config.notice:
                    reporter.say(config.notice)
                with open_session(config, directory, reporter) as session:
                    manifest = run_stages(session)
            report = write_run_report(directory)
    except OSError as error:
        if error.errno not in {errno.ENOSPC, errno.EDQUOT, errno.EROFS, errno.EACCES}:
            raise
        msg = (
            f"cannot write {error.filename or directory.path}: {error.strerror}; nothing that was "
            f"finished is lost: make room and `edgeprune resume {directory.path}`"
        )
        raise RunError(msg) from error
    return RunResult(directory.path, report, manifest)
