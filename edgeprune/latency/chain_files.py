"""Chains in the format and the number format that a device is measured with."""

from collections.abc import Callable
from functools import partial

from edgeprune.devices import Device
from edgeprune.errors import TargetError
from edgeprune.latency.chains import chain
from edgeprune.latency.int8_chains import int8_chain
from edgeprune.latency.tflite_chains import tflite_chain
from edgeprune.processor import takes_unsigned


def chain_for(device: Device) -> Callable[..., bytes]:
    """What makes the chains that a device is given: see `edgeprune.latency.chains.chain`.

    Raises:
        TargetError: none are made in its precision for its runtime.
    """
    conditions = device.conditions()
    runtime, precision = conditions["runtime"], conditions.get("precision") or "float32"
    if (runtime, precision) == ("onnxruntime", "int8"):
        return partial(int8_chain, unsigned=takes_unsigned(conditions))
    if (runtime, precision) == ("tflite", "float32"):
        return tflite_chain
    if precision == "float32":
        return chain
    msg = (
        f"kernels of runtime {runtime} are not probed in {precision}; allowed: float32, or int8 "
        "with runtime onnxruntime"
    )
    raise TargetError(msg)
