"""Stage 6, artifacts: lower precisions of the result, kept only if they are right and faster."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from torch import nn

from edgeprune.config import load_calibration
from edgeprune.config.stages import ExportConfig
from edgeprune.errors import VerificationError
from edgeprune.export import Verification, compare_onnx, lint_onnx
from edgeprune.files import sha256, write_atomic
from edgeprune.pipeline.session import Session
from edgeprune.quantization import CalibrationImages, layer_noise, to_float16, to_int8

#: Layers that the second try keeps in float: the noisiest.
KEPT_IN_FLOAT = 3
#: Layers that are named to the user.
_NAMED = 5


@dataclass(frozen=True)
class Made:
    """An artifact before it is judged."""

    content: bytes
    details: dict[str, Any]


def write_artifacts(
    session: Session, model: nn.Module, content: bytes, accuracy: float, settings: ExportConfig
) -> list[dict[str, Any]]:
    """Write, judge and measure the result in every lower precision that is asked for.

    Args:
        session: the open run.
        model: the finished torch model.
        content: its float32 ONNX file.
        accuracy: of that file on the test split.
        settings: which precisions, and the gates.

    Returns:
        One record per artifact, in the order of `settings`: path in the run directory, whether
        it is ``kept`` and the ``reason`` if not, accuracy, agreement, differences, latency ratio
        to the float32 file, lint.
    """
    records = []
    wanted = [one for one in dict.fromkeys(settings.precision) if one != "float32"]
    if not wanted:
        return []
    with session.reporter.task("artifacts", len(wanted)) as task:
        for precision in wanted:
            stage = f"artifact-{precision}"
            record = session.directory.record(stage)
            if record is None:
                tries = _tries(session, precision, model, content, accuracy, settings)
                record = session.directory.finish(stage, tries)
            records.append(dict(record))
            task.advance(note=f"{precision}: {'kept' if record['kept'] else record['reason']}")
    return records


def _tries(
    session: Session,
    precision: str,
    model: nn.Module,
    content: bytes,
    accuracy: float,
    settings: ExportConfig,
) -> dict[str, Any]:
    """The artifact; for an int8 one that is not accurate enough, a second one with float layers."""
    if precision == "float16":
        made = Made(to_float16(content), {})
        return _judged(session, precision, made, model, content, accuracy, settings)
    recipe = load_calibration(settings.calibration)
    images = CalibrationImages(session.workload.splits.train, recipe)
    details = {"calibration": recipe.name, "calibration_sha256": images.digest()}
    made = Made(to_int8(content, images), details)
    first = _judged(session, precision, made, model, content, accuracy, settings)
    if first["kept"] or not first["inaccurate"]:
        return first
    noise = layer_noise(content, made.content, images)
    worst = dict(list(noise.items())[:_NAMED])
    float_layers = list(noise)[:KEPT_IN_FLOAT]
    session.reporter.say(
        f"int8: {first['reason']}; noisiest layers: "
        + ", ".join(f"{name} ({value:.1f} dB)" for name, value in worst.items())
    )
    more = details | {"float_layers": float_layers, "noisiest_db": worst, "first_try": first}
    second = Made(to_int8(content, images, float_layers), more)
    return _judged(session, precision, second, model, content, accuracy, settings)


def _judged(
    session: Session,
    precision: str,
    made: Made,
    model: nn.Module,
    content: bytes,
    accuracy: float,
    settings: ExportConfig,
) -> dict[str, Any]:
    """Write an artifact, read it back, run it, time it beside the float32 file, and decide."""
    folder = session.directory.path
    name = f"model-{precision}.onnx"
    path = folder / "rejected" / name
    path.parent.mkdir(exist_ok=True)
    write_atomic(path, made.content)
    lint = lint_onnx(made.content)
    record: dict[str, Any] = {
        "format": "onnx",
        "precision": precision,
        "bytes": len(made.content),
        "lint": lint.to_json(),
        **made.details,
    }
    try:
        found = compare_onnx(path, model, session.workload.splits.test)
    except VerificationError as error:
        reasons, inaccurate = [str(error)], True
    else:
        comparison = session.device.compare(made.content, content)
        record |= {
            "verification": found.to_json(),
            "ratio": comparison.ratio,
            "ratio_interval": list(comparison.ratio_interval),
            "latency": comparison.candidate.to_json(),
        }
        wrong = _too_inaccurate(found, accuracy, settings)
        inaccurate = bool(wrong)
        reasons = [*wrong, *_too_slow(comparison.ratio_interval)]
    reasons += _too_many(lint.transposes, settings)
    kept = not reasons
    if kept:
        path = path.rename(folder / name)
    record |= {
        "path": str(path.relative_to(folder)),
        "sha256": sha256(path),
        "kept": kept,
        "inaccurate": inaccurate,
        "reason": "; ".join(reasons),
    }
    if not any((folder / "rejected").iterdir()):
        (folder / "rejected").rmdir()
    return record


def _too_inaccurate(found: Verification, accuracy: float, settings: ExportConfig) -> Sequence[str]:
    drop = 100 * (accuracy - found.accuracy)
    if drop <= settings.accuracy_drop:
        return []
    return [f"loses {drop:.2f} points to float32; allowed: {settings.accuracy_drop:g}"]


def _too_slow(interval: tuple[float, float]) -> Sequence[str]:
    low, high = interval
    if high < 1:
        return []
    return [f"is not surely faster than float32: {low:.3f}x to {high:.3f}x of its latency"]


def _too_many(transposes: int, settings: ExportConfig) -> Sequence[str]:
    if settings.max_transposes is None or transposes <= settings.max_transposes:
        return []
    return [f"has {transposes} Transpose nodes; allowed: {settings.max_transposes}"]
