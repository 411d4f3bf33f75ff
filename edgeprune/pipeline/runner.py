"""A run from end to end; each stage leaves its record, so a killed run goes on where it was."""

import datetime
import errno
import sys
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, nullcontext
from pathlib import Path

from torch import nn

from edgeprune.config import PipelineConfig, dump_pipeline, load_pipeline
from edgeprune.errors import InterruptedRun, MeasurementError, NoBoardError, RunError, UserError
from edgeprune.pipeline.consent import remember, require_consent, undue
from edgeprune.pipeline.granularity import check_settings
from edgeprune.pipeline.missed import write_missed
from edgeprune.pipeline.multiples import with_history
from edgeprune.pipeline.names import unknown_names
from edgeprune.pipeline.progress import Listener, Reporter
from edgeprune.pipeline.records import Manifest
from edgeprune.pipeline.result import RunResult
from edgeprune.pipeline.run_directory import RunDirectory
from edgeprune.pipeline.run_history import RunHistory
from edgeprune.pipeline.session import open_session
from edgeprune.pipeline.stages.order import run_stages
from edgeprune.pipeline.stages.report import write_run_report
from edgeprune.tasks import make_task
from edgeprune.workloads import Dataset, Workload, given_workload

#: Where nothing can be written into the user's data folder.
_UNMARKED = (
    "the user's data folder cannot be written, so that this run is not known as made here: going "
    "on with it, or exporting it, will need --trust"
)


def run(
    pipeline: str | Path,
    *,
    run_dir: str | Path | None = None,
    overrides: Sequence[str] = (),
    seed: int | None = None,
    progress: bool = True,
    listener: Listener | None = None,
) -> RunResult:
    """Run a pipeline file from the trained CNN to the verified, smaller artifact.

    Args:
        pipeline: the pipeline file.
        run_dir: where to keep the run; a new folder under ``runs/`` when not given. A folder that
            holds an unfinished run of the same pipeline is taken up where it stands.
        overrides: ``"budget.latency=0.4x"``-like settings that win over the file.
        seed: short for the override ``search.seed=SEED``.
        progress: show progress bars on standard error.
        listener: is told of stages, trials and epochs.

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
    directory = _created(config, run_dir, Path(pipeline).stem)
    with _gone_unless_begun(directory):
        return _execute(config, directory, progress, listener)


def prune(
    model: nn.Module,
    data: Dataset,
    *,
    budget: str = "0.5x",
    target: str = "local",
    settings: Sequence[str] = (),
    run_dir: str | Path | None = None,
    progress: bool = True,
    listener: Listener | None = None,
) -> RunResult:
    """Prune a trained model that is at hand: the run of a pipeline file, without the file.

    The run directory is as any other. What needs the model again later (`resume`, ``edgeprune
    export``) does not know it: call this once more with the same `run_dir` to go on with an
    interrupted run, and open the result with ``load_bundle(result.directory, build=...)``.

    Args:
        model: trained; it stays as it is.
        data: training, reward and test images; the reward images have trained no weights.
        budget: latency as a ratio to the model's own.
        target: a profile's name or file.
        settings: all others, as on the command line: ``"search.trials=20"``.
        run_dir: where to keep the run; a new folder under ``runs/`` when not given.
        progress: show progress bars on standard error.
        listener: is told of stages, trials and epochs.

    Returns:
        The result: ``.best.accuracy``, ``.best.latency.ratio``, ``.baselines["uniform"]``.

    Raises:
        UserError: model, data, target, a setting or the run directory cannot be used.
    """
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "settings.yaml"
        file.write_text("workload: {model: {name: given}, data: {name: given}}\n", encoding="utf-8")
        first = (f"target={target}", f"budget.latency={budget}")
        config = load_pipeline(file, [*first, *settings], unknown_names)
    chosen = config.workload
    task = make_task(chosen.task, chosen.metrics, chosen.task_args)
    workload = given_workload(model, data, chosen.data, task)
    directory = _created(config, run_dir, type(model).__name__.lower())
    with _gone_unless_begun(directory):
        return _execute(config, directory, progress, listener, workload)


def _created(config: PipelineConfig, run_dir: str | Path | None, name: str) -> RunDirectory:
    check_settings(config)
    if run_dir is None:
        stamp = datetime.datetime.now().strftime("%Y%m%d-%H%M%S")
        run_dir = Path("runs") / f"{name}-{stamp}"
    directory = RunDirectory(run_dir)
    directory.create(dump_pipeline(config))
    remember(directory)
    return directory


@contextmanager
def _gone_unless_begun(directory: RunDirectory) -> Iterator[None]:
    """What could not begin leaves nothing behind, so that another try finds an empty place."""
    try:
        yield
    except UserError:
        directory.discard()
        raise


def resume(
    run_dir: str | Path,
    *,
    progress: bool = True,
    trust: bool = False,
    history: str | None = None,
) -> RunResult:
    """Go on with a run that was interrupted; a finished run is only reported again.

    Args:
        run_dir: the run directory.
        progress: show progress bars on standard error.
        trust: run what the directory names, though it was not made here.
        history: the run's own address of its history, with the password that a run does not keep.

    Raises:
        RunError: it is no run directory, another process is running in it, or it was not made here
            and names code.

    Examples:
        >>> resume("runs/digits").directory  # doctest: +SKIP
        PosixPath('runs/digits')
    """
    directory = RunDirectory(run_dir)
    directory.check()
    config = with_history(load_pipeline(directory.pipeline), history)
    if trust or not directory.done("bundle"):  # a report runs nothing
        require_consent(directory, config, trust=trust)
    return _execute(config, directory, progress)


def write_report(run_dir: str | Path) -> Path:
    """Write the HTML page of a finished run again, and give its path.

    Raises:
        RunError: it is no run directory, or its run has not finished.
    """
    return write_run_report(RunDirectory(run_dir))


def _execute(
    config: PipelineConfig,
    directory: RunDirectory,
    progress: bool,
    listener: Listener | None = None,
    workload: Workload | None = None,
) -> RunResult:
    try:
        with (
            _interruptible(directory),
            directory.locked(),
            Reporter(directory.path / "log.txt", enabled=progress, listener=listener) as reporter,
        ):
            manifest = directory.record("bundle", Manifest)
            if manifest is None:
                if config.notice:
                    reporter.say(config.notice)
                if undue(directory, config):
                    reporter.say(_UNMARKED)
                with open_session(config, directory, reporter, workload) as session:
                    _write_missed(session.history, directory, reporter)
                    manifest = run_stages(session)
                    _write_missed(session.history, directory, reporter)
            else:
                with RunHistory.of(config, reporter.say) or nullcontext() as history:
                    _write_missed(history, directory, reporter)
            report = write_run_report(directory)
    except (MeasurementError, NoBoardError) as error:
        msg = (
            f"{error}; nothing that was finished is lost: `edgeprune resume {directory.path}` goes "
            "on from here"
        )
        kind = NoBoardError if isinstance(error, NoBoardError) else MeasurementError
        raise kind(msg) from error
    except OSError as error:
        if error.errno not in {errno.ENOSPC, errno.EDQUOT, errno.EROFS, errno.EACCES}:
            raise
        msg = (
            f"cannot write {error.filename or directory.path}: {error.strerror}; nothing that was "
            f"finished is lost: make room and `edgeprune resume {directory.path}`"
        )
        raise RunError(msg) from error
    return RunResult(directory.path, report, manifest)


@contextmanager
def _interruptible(directory: RunDirectory) -> Iterator[None]:
    """Ctrl-C ends a run as that, whatever fails while the run is being left.

    It comes at any instruction, also within one that lets go of a lock; and what other threads are
    at work on is closed under them.
    """
    handled = sys.exc_info()[1]  # by whoever called: an interruption of that is not one of this
    try:
        yield
    except BaseException as error:
        cause: BaseException | None = error
        while cause is not None and not isinstance(cause, KeyboardInterrupt):
            cause = None if cause.__context__ is handled else cause.__context__
        if cause is None:
            raise
        raise InterruptedRun(directory.path) from cause


def _write_missed(history: RunHistory | None, directory: RunDirectory, reporter: Reporter) -> None:
    if history is not None:
        write_missed(directory, history, reporter)
