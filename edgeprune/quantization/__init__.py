"""Lower precision: float16 and int8 files made from a float32 one, and training for int8."""

from edgeprune.quantization.aware import adopt_weights, with_rounding
from edgeprune.quantization.float16 import to_float16
from edgeprune.quantization.images import CalibrationImages
from edgeprune.quantization.int8 import for_processor, to_int8
from edgeprune.quantization.sensitivity import layer_noise

__all__ = [
    "CalibrationImages",
    "adopt_weights",
    "for_processor",
    "layer_noise",
    "to_float16",
    "to_int8",
    "with_rounding",
]
