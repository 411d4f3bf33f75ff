"""What can be done with a finished run: more artifacts of it, and other files beside it."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from edgeprune.config import ExportConfig, PipelineConfig, load_pipeline, load_target
from edgeprune.devices import open_device
from edgeprune.errors import ConfigError, RunError, nearest
from edgeprune.export import compare_onnx, lint_onnx
from edgeprune.files import write_json
from edgeprune.pipeline.artifacts import write_artifacts
from edgeprune.pipeline.finishing import finished_model
from edgeprune.pipeline.progress import Reporter
from edgeprune.pipeline.reporting import write_run_report
from edgeprune.pipeline.run_directory import RunDirectory
from edgeprune.pipeline.session import Session, open_session

_PRECISIONS = ("float16", "int8")


def export_run(
    run_dir: str | Path,
    *,
    precision: Sequence[str],
    calibration: str | None = None,
    drop: float | None = None,
    progress: bool = True,
) -> list[dict[str, Any]]:
    """Write a finished run's result in lower precisions, and add them to manifest and report.

    Args:
        run_dir: the run directory.
        precision: ``float16`` or ``int8``.
        calibration: recipe of int8; the pipeline's if not given.
        drop: percentage points that may be lost; the pipeline's if not given.
        progress: show a progress bar on standard error.

    Returns:
        The records of the artifacts that were asked for.

    Raises:
        UserError: the run has not finished, or a setting is wrong.
    """
    for one in precision:
        if one not in _PRECISIONS:
            allowed = ", ".join(_PRECISIONS)
            msg = f"unknown precision {one!r}; allowed: {allowed}{nearest(one, _PRECISIONS)}"
            raise ConfigError(msg)
    directory = RunDirectory(run_dir)
    with _finished(directory, progress) as (session, manifest):
        given = session.config.export.model_dump() | {"precision": tuple(precision)}
        if calibration is not None:
            given["calibration"] = calibration
        if drop is not None:
            given["accuracy_drop"] = drop
        settings = ExportConfig.model_validate(given)
        for one in precision:  # asked for anew, perhaps with another recipe
            (directory.path / "stages" / f"artifact-{one}.json").unlink(missing_ok=True)
        result = manifest["result"]
        model, content = finished_model(session, "result", result["widths"])
        accuracy = result["verification"]["accuracy"]
        records = write_artifacts(session, model, content, accuracy, settings)
    others = [one for one in manifest.get("artifacts", []) if one["precision"] not in precision]
    manifest["artifacts"] = [*others, *records]
    write_json(directory.path / "manifest.json", manifest)
    directory.finish("bundle", manifest)
    write_run_report(directory)
    return records


def verify_file(
    model: str | Path, run_dir: str | Path, *, target: str | None = None, progress: bool = True
) -> dict[str, Any]:
    """Run any ONNX file over a finished run's test images, beside the run's torch model.

    Args:
        model: the file.
        run_dir: the run directory.
        target: also time the file beside the run's own there.
        progress: show progress bars on standard error.

    Returns:
        Accuracy, agreement and differences; ``ratio`` with a target; ``warnings`` of the lint.

    Raises:
        UserError: the run has not finished.
        VerificationError: the file cannot be run.
    """
    path = Path(model)
    if not path.is_file():
        msg = f"{path} is not there"
        raise RunError(msg)
    with _finished(RunDirectory(run_dir), progress) as (session, manifest):
        torch_model, content = finished_model(session, "result", manifest["result"]["widths"])
        record = compare_onnx(path, torch_model, session.workload.splits.test).to_json()
        record["warnings"] = lint_onnx(path.read_bytes()).warnings()
        if target is not None:
            with open_device(load_target(target)) as device:
                comparison = device.compare(path.read_bytes(), content)
            record["ratio"] = comparison.ratio
            record["ratio_interval"] = list(comparison.ratio_interval)
    return record


@contextmanager
def _finished(directory: RunDirectory, progress: bool) -> Iterator[tuple[Session, dict[str, Any]]]:
    directory.check()
    manifest = directory.record("bundle")
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
