"""A run from end to end; each stage leaves its record, so a killed run goes on where it was."""

import datetime
import errno
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from edgeprune.config import PipelineConfig, dump_pipeline, load_pipeline
from edgeprune.errors import RunError
from edgeprune.pipeline.artifacts import wanted_artifacts, write_artifacts
from edgeprune.pipeline.bundling import write_bundle
from edgeprune.pipeline.finishing import finish, finish_base, finished_source
from edgeprune.pipeline.joint import train_together
from edgeprune.pipeline.kernels import learn_kernels
from edgeprune.pipeline.ladder import Rung, regimes, rungs, write_rungs
from edgeprune.pipeline.masked import masked_stages
from edgeprune.pipeline.probe import Probe, probe
from edgeprune.pipeline.progress import Reporter
from edgeprune.pipeline.reporting import write_run_report
from edgeprune.pipeline.run_directory import RunDirectory
from edgeprune.pipeline.searching import search
from edgeprune.pipeline.session import Session, open_session
from edgeprune.pipeline.settling import FINALISTS, Settled, settle, settle_uniform
from edgeprune.pipeline.weights import check_granularity
from edgeprune.search import SearchResult, SearchTrial
from edgeprune.training import mode_named


@dataclass(frozen=True)
class RunResult:
    """What a finished run hands over.

    Attributes:
        directory: the run directory; it is the bundle.
        report: the HTML page.
        manifest: the content of ``manifest.json``.
        met: whether the written file meets the latency budget.
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
    """
    settings = list(overrides)
    if seed is not None:
        settings.append(f"search.seed={seed}")
    config = load_pipeline(pipeline, settings)
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
    sampler = session.config.search.sampler
    base = finish_base(session)
    kernels = learn_kernels(session)
    probed = probe(session)
    climbed: list[tuple[Rung, dict[str, Any]]] = []
    if probed.reachable:
        found = search(session, probed, "search", sampler, kernels)
        compared = search(session, probed, "random", "random", kernels)
        result = finish_best(session, "result", found, probed)
        random = finish_best(session, "random", compared, probed)
        climbed = _climb(session, found, probed, result)
    else:
        session.reporter.say(
            f"even the smallest candidate takes {probed.smallest:.3f}x of the base's latency, over "
            f"the budget of {probed.budget:.3f}x: writing that one, without a search"
        )
        result = _finish_smallest(session, "result", probed)
        random = _finish_smallest(session, "random", probed)
    uniform = session.directory.record("uniform")
    if uniform is None:
        settled = settle_uniform(session, result["ratio"])
        uniform = finish(session, "uniform", settled, result["ratio"], retry=False)
    contenders = {"base": base, "result": result, "uniform": uniform, "random": random}
    artifacts = _artifacts(session, result)
    return write_bundle(session, probed, contenders, artifacts, write_rungs(session, climbed))


def _artifacts(session: Session, result: dict[str, Any]) -> list[dict[str, Any]]:
    settings, accuracy = session.config.export, result["verification"]["accuracy"]
    source = finished_source(session, "result", result["widths"])
    return write_artifacts(session, source, accuracy, settings, wanted_artifacts(settings))


def finish_best(session: Session, name: str, found: SearchResult, probed: Probe) -> dict[str, Any]:
    """Finish the best trial of a search that surely meets the budget, under a contender's name."""
    if (record := session.directory.record(name)) is not None:
        return dict(record)
    finalists = _finalists(found, probed.budget)
    settled = settle(session, [trial.widths for trial in finalists], probed.budget)
    numbers = [trial.number for trial in finalists]
    return finish(session, name, settled, probed.budget, retry=True, finalists=numbers)


def _climb(
    session: Session, found: SearchResult, probed: Probe, result: dict[str, Any]
) -> list[tuple[Rung, dict[str, Any]]]:
    """Finish what a search with regimes found for each; the last regime is the result."""
    config = session.config.search
    wanted = regimes(config.sampler, config.options, probed.budget)
    climbed = []
    for rung in rungs(found, wanted[:-1], lambda trial: trial.outcome.latency_ratio, "latency"):
        record = session.directory.record(rung.name)
        if record is None:
            settled = settle(session, [trial.widths for trial in rung.trials], rung.regime)
            record = finish(session, rung.name, settled, rung.regime, retry=True)
        climbed.append((rung, record))
    return [*climbed, (Rung("result", "latency", probed.budget, ()), result)] if wanted else []


def _finalists(found: SearchResult, budget: float) -> list[SearchTrial]:
    """The best trials within the budget, best first; the nearest miss if there is none."""
    within = [trial for trial in found.trials if trial.outcome.latency_ratio <= budget]
    return sorted(within, key=lambda trial: -trial.reward)[:FINALISTS] or [found.best]


def _finish_smallest(session: Session, name: str, probed: Probe) -> dict[str, Any]:
    smallest = {group: choices[0] for group, choices in session.space.choices.items()}
    settled = Settled(smallest, session.compare(smallest), False)
    return finish(session, name, settled, probed.budget, retry=False)
