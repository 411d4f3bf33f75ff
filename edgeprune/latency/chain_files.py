"""Chains in the format and the number format that a device is measured with."""

from collections.abc import Callable

from edgeprune.devices import Device
from edgeprune.errors import TargetError
from edgeprune.latency.chains import chain
from edgeprune.latency.int8_chains import int8_chain
from edgeprune.latency.tflite_chains import tflite_chain

#: What makes them, by runtime and precision; others take ONNX files.
_MADE: dict[tuple[str, str], Callable[..., bytes]] = {
    ("tflite", "float32"): tflite_chain,
    ("onnxruntime", "int8"): int8_chain,
}


def chain_for(device: Device) -> Callable[..., bytes]:
    """What makes the chains that a device is given: see `edgeprune.latency.chains.chain`.

    Raises:
        TargetError: none are made in its precision for its runtime.
    """
    conditions = device.conditions()
    runtime, precision = conditions["runtime"], conditions.get("precision") or "float32"
    if (runtime, precision) in _MADE:
        return _MADE[runtime, precision]
    if precision == "float32":
        return chain
    msg = (
        f"kernels of runtime {runtime} are not probed in {precision}; allowed: float32, or int8 "
        "with runtime onnxruntime"
    )
    raise TargetError(msg)
