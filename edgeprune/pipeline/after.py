"""What can be done with a finished run: opening it again, and more artifacts of it."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from edgeprune.config import ExportConfig, load_pipeline
from edgeprune.errors import ConfigError, RunError, nearest
from edgeprune.export.formats import check_writable, format_named
from edgeprune.pipeline.consent import require_consent
from edgeprune.pipeline.finishing import finished_source
from edgeprune.pipeline.multiples import with_history
from edgeprune.pipeline.progress import Reporter
from edgeprune.pipeline.records import ArtifactRecord, Manifest
from edgeprune.pipeline.run_directory import RunDirectory
from edgeprune.pipeline.session import Session, open_session
from edgeprune.pipeline.stages.artifacts import stage_of, write_artifacts
from edgeprune.pipeline.stages.report import write_run_report
from edgeprune.records import write_record

_PRECISIONS = ("float32", "float16", "int8")


def export_run(
    run_dir: str | Path,
    *,
    precision: Sequence[str],
    formats: Sequence[str] = ("onnx",),
    calibration: str | None = None,
    drop: float | None = None,
    progress: bool = True,
    trust: bool = False,
) -> list[ArtifactRecord]:
    """Write a finished run's result in other formats and precisions; manifest and report know it.

    Args:
        run_dir: the run directory.
        precision: ``float32``, ``float16`` or ``int8``.
        formats: such as ``tflite``; each is written in each precision.
        calibration: recipe of int8; the pipeline's if not given.
        drop: percentage points that may be lost; the pipeline's if not given.
        progress: show a progress bar on standard error.
        trust: run what the directory names, though it was not made here.

    Returns:
        The records of the artifacts that were asked for.

    Raises:
        UserError: the run has not finished, a setting is wrong, or an extra is not installed.
    """
    for word in precision:
        if word not in _PRECISIONS:
            allowed = ", ".join(_PRECISIONS)
            msg = f"unknown precision {word!r}; allowed: {allowed}{nearest(word, _PRECISIONS)}"
            raise ConfigError(msg)
    for form in formats:
        format_named(form)
    wanted = [(form, one) for form in formats for one in precision]
    if ("onnx", "float32") in wanted:
        msg = "the float32 ONNX file is the run's model.onnx; ask for float16 or int8, or a format"
        raise ConfigError(msg)
    directory = RunDirectory(run_dir)
    with open_finished(directory, progress, trust=trust) as (session, manifest):
        given = session.config.export.model_dump()
        if calibration is not None:
            given["calibration"] = calibration
        if drop is not None:
            given["accuracy_drop"] = drop
        settings = ExportConfig.model_validate(given)
        for form in formats:
            check_writable(form, session.target)
        for form, one in wanted:  # asked for anew, perhaps with another recipe
            directory.forget(stage_of(form, one))
        source = finished_source(session, "result")
        accuracy = manifest.result.verification.accuracy
        records = write_artifacts(session, source, accuracy, settings, wanted)
    others = [one for one in manifest.artifacts if (one.format, one.precision) not in wanted]
    manifest = manifest.model_copy(update={"artifacts": (*others, *records)})
    write_record(directory.path / "manifest.json", manifest)
    directory.finish("bundle", manifest)
    write_run_report(directory)
    return records


@contextmanager
def open_finished(
    directory: RunDirectory, progress: bool, *, trust: bool = False, history: str | None = None
) -> Iterator[tuple[Session, Manifest]]:
    """Open a run that has finished, and its manifest.

    Args:
        directory: of the run.
        progress: show progress bars on standard error.
        trust: run what the directory names, though it was not made here.
        history: the run's own address of its history, with the password that a run does not keep.

    Raises:
        RunError: it has not, is no run directory, or names code and was not made here.
    """
    manifest = finished_manifest(directory)
    config = with_history(load_pipeline(directory.pipeline), history)
    require_consent(directory, config, trust=trust)
    with (
        directory.locked(),
        Reporter(directory.path / "log.txt", enabled=progress) as reporter,
        open_session(config, directory, reporter) as session,
    ):
        yield session, manifest


def finished_manifest(directory: RunDirectory) -> Manifest:
    """The manifest of a run that has finished.

    Raises:
        RunError: it has not, or is no run directory.
    """
    directory.check()
    manifest = directory.record("bundle", Manifest)
    if manifest is None:
        msg = (
            f"{directory.path} has not finished: "
            f"`edgeprune resume {directory.path}` goes on with it"
        )
        raise RunError(msg)
    return manifest
