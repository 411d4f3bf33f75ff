"""Valid ONNX files that are out of the ordinary."""

from typing import Any

import onnx


def endless() -> bytes:
    """A Loop that never ends."""
    true = onnx.helper.make_tensor("true", onnx.TensorProto.BOOL, [], [True])
    body = onnx.helper.make_graph(
        [
            onnx.helper.make_node("Identity", ["before"], ["after"]),
            onnx.helper.make_node("Relu", ["old"], ["new"]),
        ],
        "body",
        [
            _value("i", onnx.TensorProto.INT64, []),
            _value("before", onnx.TensorProto.BOOL, []),
            _value("old", onnx.TensorProto.FLOAT, None),
        ],
        [
            _value("after", onnx.TensorProto.BOOL, []),
            _value("new", onnx.TensorProto.FLOAT, None),
        ],
    )
    nodes = [onnx.helper.make_node("Loop", ["", "true", "input"], ["output"], body=body)]
    return _model(nodes, [true])


def branching() -> bytes:
    """An If with a network in each branch, a Reshape and a Resize."""
    branch = onnx.helper.make_graph(
        [onnx.helper.make_node("Relu", ["input"], ["kept"])],
        "branch",
        [],
        [_value("kept", onnx.TensorProto.FLOAT, None)],
    )
    nodes = [
        onnx.helper.make_node("If", ["true"], ["taken"], then_branch=branch, else_branch=branch),
        onnx.helper.make_node("Resize", ["taken", "", "scales"], ["large"]),
        onnx.helper.make_node("Reshape", ["large", "shape"], ["output"]),
    ]
    weights = [
        onnx.helper.make_tensor("true", onnx.TensorProto.BOOL, [], [True]),
        onnx.helper.make_tensor("scales", onnx.TensorProto.FLOAT, [4], [1, 1, 2, 2]),
        onnx.helper.make_tensor("shape", onnx.TensorProto.INT64, [2], [1, -1]),
    ]
    return _model(nodes, weights)


def _value(name: str, kind: int, shape: list[int] | None) -> Any:
    return onnx.helper.make_tensor_value_info(name, kind, shape)


def _model(nodes: list[Any], weights: list[Any]) -> bytes:
    given = _value("input", onnx.TensorProto.FLOAT, [1, 3, 8, 8])
    made = _value("output", onnx.TensorProto.FLOAT, None)
    graph = onnx.helper.make_graph(nodes, "net", [given], [made], weights)
    opset = [onnx.helper.make_opsetid("", 17)]
    model = onnx.helper.make_model(graph, opset_imports=opset, ir_version=8)
    return bytes(model.SerializeToString())
