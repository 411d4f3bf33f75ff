"""Runtimes by name: what each takes, and the code that runs it on a device."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any

from edgeprune.config import TargetConfig
from edgeprune.devices.artifacts import Artifact, Note
from edgeprune.devices.layer_names import layer_times
from edgeprune.devices.measurement import LayerTime
from edgeprune.errors import TargetError, nearest
from edgeprune.plugins import specs

#: Entry points of other packages: each is a `RuntimeSpec`.
ENTRY_POINTS = "edgeprune.runtimes"
_WORKER = "edgeprune.devices.worker"
#: Name, operator and microseconds of each run, of every kernel.
Kernels = Sequence[tuple[str, str, Sequence[float]]]


def as_it_is(target: TargetConfig, model: bytes, note: Note) -> Artifact:
    """Send the model file itself."""
    return Artifact(model)


def _compiled(target: TargetConfig, model: bytes, note: Note) -> Artifact:
    from edgeprune.devices.tvm.artifact import compiled

    return compiled(target, model, note)


def _cut_up(model: bytes) -> bytes:
    from edgeprune.devices.tflite_pieces import tflite_pieces

    return tflite_pieces(model)


def _piece_times(model: bytes, kernels: Kernels) -> list[LayerTime]:
    from edgeprune.devices.tflite_pieces import tflite_layer_times

    return tflite_layer_times(model, kernels)


def _function_times(model: bytes, kernels: Kernels) -> list[LayerTime]:
    from edgeprune.devices.tvm.layers import tvm_layer_times

    return tvm_layer_times(model, kernels)


@dataclass(frozen=True)
class RuntimeSpec:
    """What is known of a runtime.

    Attributes:
        name: in a profile.
        takes: formats of the files that it is given, by name.
        worker: the module that runs it on the device. Its source is sent there, so it imports
            only the standard library, numpy, the runtime, and what is in
            `edgeprune.devices.worker`, which is called ``edgeprune_worker`` there. It has a class
            ``Runtime`` with the methods of `edgeprune.devices.worker.onnx_runtime.Runtime`.
        settings: what that class is made with, of a profile; ``threads`` is added.
        artifact: makes what is sent for a model file.
        profiled: makes what the worker's ``profile`` is given in place of the model itself.
        layers: times by layer, of the model file and of what ``profile`` tells.
        tunes: whether a new shape takes it minutes, so that no networks are made for their
            profiles alone.
    """

    name: str
    takes: tuple[str, ...]
    worker: str
    settings: Callable[[TargetConfig], Mapping[str, Any]] = lambda target: target.runtime_options
    artifact: Callable[[TargetConfig, bytes, Note], Artifact] = as_it_is
    profiled: Callable[[bytes], bytes] | None = None
    layers: Callable[[bytes, Kernels], list[LayerTime]] = layer_times
    tunes: bool = False


_OURS = (
    RuntimeSpec(
        "onnxruntime",
        ("onnx",),
        f"{_WORKER}.onnx_runtime",
        lambda target: target.onnxruntime.model_dump(mode="json"),
    ),
    RuntimeSpec(
        "tflite",
        ("tflite",),
        f"{_WORKER}.tflite",
        lambda target: target.tflite.model_dump(mode="json"),
        profiled=_cut_up,
        layers=_piece_times,
    ),
    RuntimeSpec(
        "tvm",
        ("onnx", "tvm"),
        f"{_WORKER}.tvm_runtime",
        lambda target: target.tvm.model_dump(mode="json"),
        _compiled,
        layers=_function_times,
        tunes=True,
    ),
)


@cache
def runtimes() -> Mapping[str, RuntimeSpec]:
    """All runtimes: ours, and those that installed packages bring.

    Raises:
        TargetError: a package's entry point cannot be loaded, is no `RuntimeSpec`, or takes a name
            that is taken.
    """
    return specs(ENTRY_POINTS, _OURS, TargetError)


def runtime_of(target: TargetConfig) -> RuntimeSpec:
    """The runtime of a profile.

    Raises:
        TargetError: there is no such runtime here: the package that brings it is not installed.
    """
    if (found := runtimes().get(target.runtime)) is None:
        allowed = ", ".join(runtimes())
        hint = nearest(target.runtime, runtimes())
        msg = (
            f"target {target.name!r}: unknown runtime {target.runtime!r}; allowed: {allowed}{hint}"
        )
        raise TargetError(msg)
    return found


def taken_by(target: TargetConfig) -> tuple[str, ...]:
    """Formats of the files that a target is given; the simulated cost model knows ONNX only."""
    return ("onnx",) if target.kind == "simulated" else runtime_of(target).takes


def with_runtime_for(target: TargetConfig, form: str) -> TargetConfig:
    """The profile of the same device with a runtime that takes a format: its own where that does.

    Args:
        target: a profile.
        form: a format's name.

    Raises:
        TargetError: no runtime takes it, or the device is simulated, which knows ONNX files only.
    """
    if form in taken_by(target):
        return target
    if target.kind == "simulated":
        msg = f"target {target.name!r} is simulated: its cost model knows ONNX files only"
        raise TargetError(msg)
    for spec in runtimes().values():
        if form in spec.takes:
            return target.model_copy(update={"runtime": spec.name})
    msg = f"no runtime takes {form} files: the package that brings the format may bring one"
    raise TargetError(msg)
