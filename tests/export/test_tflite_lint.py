"""What is said about a TFLite file that may be slow or hard to run."""

import pytest

pytest.importorskip("ai_edge_litert", reason="the extra `tflite` is not installed")

import numpy as np

from edgeprune.devices.known_tflite import small_tflite_net
from edgeprune.errors import VerificationError
from edgeprune.export.tflite_lint import lint_tflite


def _transposed(where: str) -> bytes:
    """The small net with two transposes that undo each other, of the input or inside."""
    import flatbuffers
    from ai_edge_litert import schema_py_generated as schema

    model = schema.ModelT.InitFromPackedBuf(small_tflite_net(8), 0)
    graph = model.subgraphs[0]
    order = schema.BufferT()
    order.data = np.frombuffer(np.array([0, 2, 1, 3], "<i4").tobytes(), np.uint8)
    model.buffers.append(order)
    axes = schema.TensorT()
    axes.name, axes.shape, axes.type = b"order", [4], schema.TensorType.INT32
    axes.buffer = len(model.buffers) - 1
    graph.tensors.append(axes)
    code = schema.OperatorCodeT()
    code.builtinCode = code.deprecatedBuiltinCode = schema.BuiltinOperator.TRANSPOSE
    code.version = 1
    model.operatorCodes.append(code)
    place = 0 if where == "input" else 1
    reader = graph.operators[place]
    source, last = reader.inputs[0], reader.inputs[0]
    for number in range(2):
        tensor = schema.TensorT()
        tensor.name, tensor.buffer = f"turned{number}".encode(), 0
        tensor.shape, tensor.type = graph.tensors[source].shape, graph.tensors[source].type
        graph.tensors.append(tensor)
        operator = schema.OperatorT()
        operator.opcodeIndex = len(model.operatorCodes) - 1
        operator.inputs = [last, len(graph.tensors) - 2 - number]
        last = len(graph.tensors) - 1
        operator.outputs = [last]
        graph.operators.insert(place + number, operator)
    reader.inputs = [last, *list(reader.inputs)[1:]]
    builder = flatbuffers.Builder(1024)
    builder.Finish(model.Pack(builder), b"TFL3")
    return bytes(builder.Output())


def test_a_plain_file_gives_no_warning() -> None:
    found = lint_tflite(small_tflite_net(8))
    assert (found.operators, found.transposes, found.layout) == (5, 0, "NHWC")
    assert found.warnings() == [] and found.to_json()["warnings"] == []


def test_a_transposed_input_is_told_apart_from_transposes_inside() -> None:
    outer, inner = lint_tflite(_transposed("input")), lint_tflite(_transposed("inside"))
    assert (outer.input_transposes, outer.transposes, outer.layout) == (1, 1, "NCHW")
    assert (inner.input_transposes, inner.transposes, inner.layout) == (0, 2, "NHWC")
    assert "takes channels first" in outer.warnings()[1]
    assert inner.warnings() == ["2 TRANSPOSE inside: each copies a whole tensor"]


def test_another_file_is_told() -> None:
    with pytest.raises(VerificationError, match="not a TFLite file"):
        lint_tflite(b"ELF or anything else")
    with pytest.raises(VerificationError, match="not a whole TFLite file"):
        lint_tflite(small_tflite_net(8)[:500])
