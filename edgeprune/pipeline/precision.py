"""In which number format a search scores and measures its candidates."""

from collections.abc import Callable
from functools import partial
from pathlib import Path

from edgeprune.config import PipelineConfig, TargetConfig, load_calibration
from edgeprune.errors import ConfigError, TargetError
from edgeprune.files import put_in_place
from edgeprune.quantization import CalibrationImages, to_int8
from edgeprune.workloads import Workload


def check_precision(config: PipelineConfig, target: TargetConfig) -> None:
    """Whether the search can work in the precision that is asked for.

    Raises:
        ConfigError: int8 is searched for but not written.
        TargetError: the target does not take int8 ONNX files.
    """
    if config.search.precision == "float32":
        return
    if config.search.precision not in config.export.precision:
        written = ", ".join(config.export.precision)
        msg = (
            f"search.precision is int8, but export.precision ({written}) writes no int8 file: "
            "add int8 to it"
        )
        raise ConfigError(msg)
    if target.kind == "simulated" or target.runtime != "onnxruntime":
        what = "is simulated" if target.kind == "simulated" else f"has runtime {target.runtime}"
        msg = (
            f"target {target.name!r} {what}, which takes no int8 ONNX files; "
            "search.precision int8 needs a device with runtime onnxruntime"
        )
        raise TargetError(msg)


def artifact_maker(
    config: PipelineConfig, workload: Workload, base: bytes, ranges: Path
) -> Callable[[bytes], bytes] | None:
    """What makes of a candidate's float32 file the one that is scored and measured.

    The ranges of the activations are the base model's: candidates are recalibrated only when one
    of them is written as the result.

    Args:
        config: the pipeline.
        workload: where calibration images come from.
        base: the base model's float32 file.
        ranges: where its ranges are kept.

    Returns:
        None where that file is used as it is.
    """
    if config.search.precision == "float32":
        return None
    recipe = load_calibration(config.export.calibration)
    images = CalibrationImages(workload.splits.train, recipe)
    if not ranges.exists():
        unfinished = ranges.with_suffix(".part")
        unfinished.unlink(missing_ok=True)
        to_int8(base, images, ranges=unfinished)
        put_in_place(unfinished, ranges)
    return partial(to_int8, images=images, ranges=ranges)
