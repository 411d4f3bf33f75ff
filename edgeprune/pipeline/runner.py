"""A run from end to end; each stage leaves its record, so a killed run goes on where it was."""

import datetime
import errno
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from edgeprune.config import PipelineConfig, dump_pipeline, load_pipeline
from edgeprune.errors import ConfigError, RunError
from edgeprune.latency import NetModel
from edgeprune.pipeline.artifacts import wanted_artifacts, write_artifacts
from edgeprune.pipeline.base import JOINT
from edgeprune.pipeline.bundling import write_bundle
from edgeprune.pipeline.contenders import gather, gather_smallest
from edgeprune.pipeline.curves import learn_curves
from edgeprune.pipeline.finishing import finish_base, finished_source
from edgeprune.pipeline.goals import Goal, goals
from edgeprune.pipeline.joint import train_together
from edgeprune.pipeline.kernels import learn_kernels
from edgeprune.pipeline.ladder import climb, write_frontier, write_rungs
from edgeprune.pipeline.masked import masked_stages
from edgeprune.pipeline.names import unknown_names
from edgeprune.pipeline.probe import probe
from edgeprune.pipeline.progress import Reporter
from edgeprune.pipeline.racing import race
from edgeprune.pipeline.reporting import write_run_report
from edgeprune.pipeline.run_directory import RunDirectory
from edgeprune.pipeline.searching import search, worth_measuring
from edgeprune.pipeline.session import Session, open_session
from edgeprune.pipeline.weights import check_granularity
from edgeprune.search import SearchResult, read_trials
from edgeprune.training import mode_named


@dataclass(frozen=True)
class RunResult:
    """What a finished run hands over.

    Attributes:
        directory: the run directory; it is the bundle.
        report: the HTML page.
        manifest: the content of ``manifest.json``.
        met: whether the written file meets the latency budget.

    Examples:
        >>> result = run("examples/digits.yaml")  # doctest: +SKIP
        >>> result.manifest["result"]["verification"]["accuracy"]  # doctest: +SKIP
        0.95
    """

    directory: Path
    report: Path
    manifest: dict[str, Any]
    met: bool


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
    _check_budgets(config)
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


def _check_budgets(config: PipelineConfig) -> None:
    """Joint training has one budget, towards which it trains.

    Raises:
        ConfigError: it is given several.
    """
    if config.search.sampler == JOINT and len(config.budget.each) > 1:
        msg = (
            f"search.sampler joint trains towards one budget, got {config.budget.text}; allowed: "
            f"one value, such as {config.budget.each[-1].text}"
        )
        raise ConfigError(msg)


def _execute(config: PipelineConfig, directory: RunDirectory, progress: bool) -> RunResult:
    try:
        with (
            directory.locked(),
            Reporter(directory.path / "log.txt", enabled=progress) as reporter,
        ):
            manifest = directory.record("bundle")
            if manifest is None:
                train_together(config, directory, reporter)
                with open_session(config, directory, reporter) as session:
                    weights = config.prune.granularity == "weights"
                    manifest = masked_stages(session) if weights else _stages(session)
            report = write_run_report(directory)
    except OSError as error:
        if error.errno not in {errno.ENOSPC, errno.EDQUOT, errno.EROFS, errno.EACCES}:
            raise
        msg = (
            f"cannot write {error.filename or directory.path}: {error.strerror}; nothing that was "
            f"finished is lost: make room and `edgeprune resume {directory.path}`"
        )
        raise RunError(msg) from error
    return RunResult(directory.path, report, manifest, bool(manifest["budget"]["met"]))


def _stages(session: Session) -> dict[str, Any]:
    base = finish_base(session)
    kernels = learn_kernels(session)
    wanted = goals(session.config.budget, probe(session))
    if wanted[0].probed.reachable:
        learn_curves(session, lambda: worth_measuring(session, wanted[0].probed, kernels))
    reached = [(goal, _reach(session, goal, kernels)) for goal in wanted]
    own, records = reached[-1]
    contenders = {"base": base, **(records or {})}
    artifacts = _artifacts(session, contenders["result"])
    ladder = (
        write_frontier(session, reached) if len(wanted) > 1 else _climbed(session, own, kernels)
    )
    return write_bundle(session, own, contenders, artifacts, ladder)


def _reach(
    session: Session, goal: Goal, kernels: NetModel | None
) -> dict[str, dict[str, Any]] | None:
    """Search within one budget, and race what is found; None where another budget's result serves.

    Returns:
        The records of ``result``, ``uniform``, ``filled`` and ``random``.
    """
    if goal.probed.reachable:
        sampler = session.config.search.sampler
        found = search(session, goal.probed, goal.named("search"), sampler, kernels)
        compared = search(session, goal.probed, goal.named("random"), "random", kernels)
        return race(session, goal, gather(session, goal, found, compared, kernels))
    session.reporter.say(
        f"even the smallest candidate takes {goal.probed.smallest:.3f}x of the base's latency, "
        f"over the budget of {goal.limit:.3f}x: writing that one, without a search"
    )
    return race(session, goal, gather_smallest(session, goal)) if goal.own else None


def _climbed(session: Session, goal: Goal, kernels: NetModel | None) -> list[dict[str, Any]]:
    """The ladder of a search with regimes."""
    trials = tuple(read_trials(session.directory.path / goal.named("search")))
    if not trials:
        return []
    result = session.directory.record(goal.named("result")) or {}
    found = SearchResult(trials, goal.limit)
    return write_rungs(session, climb(session, found, goal, result, kernels))


def _artifacts(session: Session, result: dict[str, Any]) -> list[dict[str, Any]]:
    settings, accuracy = session.config.export, result["verification"]["accuracy"]
    source = finished_source(session, "result")
    return write_artifacts(session, source, accuracy, settings, wanted_artifacts(settings))
