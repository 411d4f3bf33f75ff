"""A float16 file: weights and arithmetic in half precision, inputs and outputs in float32."""

import onnx
from onnxruntime.transformers.float16 import convert_float_to_float16


def to_float16(content: bytes) -> bytes:
    """Convert an ONNX file; what it takes and gives stays float32.

    Args:
        content: a float32 ONNX file.
    """
    model = onnx.load_from_string(content)
    converted = convert_float_to_float16(model, keep_io_types=True)
    return bytes(converted.SerializeToString())
