"""A float16 file: weights and arithmetic in half precision, inputs and outputs in float32."""

import onnx
from onnxruntime.quantization.onnx_model import ONNXModel
from onnxruntime.transformers.float16 import convert_float_to_float16


def to_float16(content: bytes) -> bytes:
    """Convert an ONNX file; what it takes and gives stays float32.

    Args:
        content: a float32 ONNX file.
    """
    model = onnx.load_from_string(content)
    # The casts of inputs are appended at the end; ONNX wants nodes in the order of their use.
    converted = ONNXModel(convert_float_to_float16(model, keep_io_types=True))
    converted.topological_sort()
    return bytes(converted.model.SerializeToString())
