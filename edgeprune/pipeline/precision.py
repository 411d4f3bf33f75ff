"""In which format and number format a search scores and measures its candidates."""

from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path
from typing import Any

from edgeprune.config import PipelineConfig, TargetConfig, load_calibration
from edgeprune.devices.runtimes import runtimes, taken_by
from edgeprune.errors import ConfigError, MeasurementError, TargetError
from edgeprune.evaluation.accuracy import metrics_of_file
from edgeprune.export.formats import check_writable
from edgeprune.files import put_in_place
from edgeprune.latency import same_layers
from edgeprune.pipeline.device_files import DeviceFiles
from edgeprune.pruning import ChannelSpace
from edgeprune.quantization import CalibrationImages, for_processor, to_int8
from edgeprune.workloads import Workload

#: Formats of candidates, the preferred one first: all are made of an ONNX file.
_CANDIDATES = ("onnx", "tflite")
#: Runtimes whose int8 files a search can make.
_INT8 = ("onnxruntime", "tflite")


def candidate_form(target: TargetConfig) -> str:
    """The format of the files that a search measures on a target.

    Raises:
        TargetError: its runtime takes none that a pipeline makes, or an extra is missing.
    """
    takes = taken_by(target)
    form = next((one for one in _CANDIDATES if one in takes), None)
    if form is None:
        allowed = ", ".join(
            one.name for one in runtimes().values() if set(_CANDIDATES).intersection(one.takes)
        )
        msg = (
            f"target {target.name!r}: a pipeline makes ONNX and TFLite candidates, which runtime "
            f"{target.runtime} does not take; allowed: {allowed} (`edgeprune measure` times files "
            "that are there)"
        )
        raise TargetError(msg)
    if form != "onnx":
        check_writable(form, target)
    return form


def check_precision(config: PipelineConfig, target: TargetConfig) -> None:
    """Whether the search can work in the precision that is asked for.

    Raises:
        ConfigError: int8 is searched for but not written.
        TargetError: the target does not take int8 files that a search can make.
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
    if target.kind == "simulated" or target.runtime not in _INT8:
        what = "is simulated" if target.kind == "simulated" else f"has runtime {target.runtime}"
        msg = (
            f"target {target.name!r} {what}, which takes no int8 files that a search makes; "
            f"search.precision int8 needs a device with runtime {' or '.join(_INT8)}"
        )
        raise TargetError(msg)


def device_files(
    config: PipelineConfig,
    workload: Workload,
    space: ChannelSpace,
    form: str,
    facts: Mapping[str, Any],
    ranges: Path,
    say: Callable[[str], None],
) -> DeviceFiles | None:
    """What makes of a candidate's float32 ONNX file the one that is scored and measured.

    The ranges of the activations are the base model's: candidates are recalibrated only when one
    of them is written as the result.

    Args:
        config: the pipeline.
        workload: where calibration images come from.
        space: the base model's channel groups.
        form: of what the target is given.
        facts: what the device says of itself.
        ranges: where the ranges are kept.
        say: tells the user.

    Returns:
        None where that file is used as it is.
    """
    int8 = config.search.precision == "int8"
    images = None
    if int8:
        recipe = for_processor(load_calibration(config.export.calibration), facts)
        images = CalibrationImages(workload.splits.train, recipe)
    if form == "tflite":
        return _tflite(workload, space, images, ranges, say)
    return None if images is None else _onnx(space.template.base, images, ranges)


def _onnx(base: bytes, images: CalibrationImages, ranges: Path) -> DeviceFiles:
    if not ranges.exists():
        unfinished = ranges.with_suffix(".part")
        unfinished.unlink(missing_ok=True)
        to_int8(base, images, ranges=unfinished)
        put_in_place(unfinished, ranges)
    quantized = partial(to_int8, images=images, ranges=ranges)
    try:
        nodes = same_layers(base, quantized(base))
    except MeasurementError:
        nodes = None  # of no use without the layers of the float32 file, which is told of later
    return DeviceFiles("onnx", quantized, metrics_of_file, nodes=nodes)


def _tflite(
    workload: Workload,
    space: ChannelSpace,
    images: CalibrationImages | None,
    ranges: Path,
    say: Callable[[str], None],
) -> DeviceFiles:
    from edgeprune.pipeline.tflite_files import TfliteFiles, layer_names

    plain = TfliteFiles(workload, space, say)
    known: dict[str, Any] = {"nodes": plain.nodes or None, "names": layer_names}
    if images is None:
        return DeviceFiles("tflite", plain, **known)
    from edgeprune.quantization.tflite_precisions import to_tflite_int8
    from edgeprune.quantization.tflite_running import metrics_of_tflite

    quantized = partial(to_tflite_int8, images=images, ranges=ranges)
    if not ranges.exists():
        unfinished = ranges.with_suffix(".part")
        unfinished.unlink(missing_ok=True)
        to_tflite_int8(plain(space.template.base), images, ranges=unfinished)
        put_in_place(unfinished, ranges)
    return DeviceFiles(
        *("tflite", lambda content: quantized(plain(content)), metrics_of_tflite, plain), **known
    )
