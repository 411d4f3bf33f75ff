"""What can be done with a finished run: more artifacts of it, and other files beside it."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from edgeprune.config import ExportConfig, PipelineConfig, load_pipeline, load_target
from edgeprune.devices import open_device
from edgeprune.devices.artifacts import quiet
from edgeprune.devices.runtimes import with_runtime_for
from edgeprune.errors import ConfigError, RunError, nearest
from edgeprune.export import compare_file
from edgeprune.export.formats import check_writable, device_content, format_named, format_of
from edgeprune.export.isolation import run_apart
from edgeprune.pipeline.finishing import finished_source
from edgeprune.pipeline.gates import is_chance
from edgeprune.pipeline.progress import Reporter
from edgeprune.pipeline.records import ArtifactRecord, FileCheck, Manifest
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
) -> list[ArtifactRecord]:
    """Write a finished run's result in other formats and precisions; manifest and report know it.

    Args:
        run_dir: the run directory.
        precision: ``float32``, ``float16`` or ``int8``.
        formats: such as ``tflite``; each is written in each precision.
        calibration: recipe of int8; the pipeline's if not given.
        drop: percentage points that may be lost; the pipeline's if not given.
        progress: show a progress bar on standard error.

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
    with open_finished(directory, progress) as (session, manifest):
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


def verify_file(
    model: str | Path, run_dir: str | Path, *, target: str | None = None, progress: bool = True
) -> FileCheck:
    """Run any model file over a finished run's test images, beside the run's torch model.

    Args:
        model: a file of ONNX, TFLite, or a TVM library with its description beside it.
        run_dir: the run directory.
        target: also time the file there, beside the run's own ONNX file where it is one, else
            beside itself.
        progress: show progress bars on standard error.

    Returns:
        Accuracy, agreement and differences, what the lint warns of, and latencies with a target.

    Raises:
        UserError: the run has not finished, or an extra is not installed.
        VerificationError: the file cannot be run, or not in the time that the run's target gives
            a device (``measure.timeout_s``) for each portion of images.
    """
    path = Path(model)
    if not path.is_file():
        msg = f"{path} is not there"
        raise RunError(msg)
    form = format_of(path)
    with open_finished(RunDirectory(run_dir), progress) as (session, _):
        opened = form.open(session.target, quiet)
        lint = opened.lint(path)
        source = finished_source(session, "result")
        workload = session.workload
        limit = session.target.measure.timeout_s
        with run_apart(form, path, session.target, limit) as run:
            found = compare_file(path, run, source.model, workload.splits.test)
        warnings = lint.warnings()
        if is_chance(found.accuracy, found.images, workload.classes):
            warnings.append("its accuracy is that of chance")
        comparison = None
        if target is not None:
            content, profile = device_content(path), load_target(target)
            with open_device(with_runtime_for(profile, form.name), session.reporter.say) as device:
                baseline = source.onnx if form.name == "onnx" else content
                comparison = device.compare(content, baseline)
    return FileCheck(found, tuple(warnings), comparison)


@contextmanager
def open_finished(directory: RunDirectory, progress: bool) -> Iterator[tuple[Session, Manifest]]:
    """Open a run that has finished, and its manifest.

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
    config: PipelineConfig = load_pipeline(directory.pipeline)
    with (
        directory.locked(),
        Reporter(directory.path / "log.txt", enabled=progress) as reporter,
        open_session(config, directory, reporter) as session,
    ):
        yield session, manifest
