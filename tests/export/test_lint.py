"""What is said about a file that may be slow or hard to run."""

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

from edgeprune.export import lint_onnx


def _file(nodes: list[onnx.NodeProto], shape: list[int | str]) -> bytes:
    weight = numpy_helper.from_array(np.ones((4, 4), np.float32), "weight")
    graph = helper.make_graph(
        nodes,
        "net",
        [helper.make_tensor_value_info("input", TensorProto.FLOAT, shape)],
        [helper.make_tensor_value_info("output", TensorProto.FLOAT, ["n", 4])],
        [weight],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)])
    return bytes(model.SerializeToString())


def test_a_plain_file_gives_no_warning() -> None:
    node = helper.make_node("MatMul", ["input", "weight"], ["output"], "layer")
    found = lint_onnx(_file([node], ["n", 4]))
    assert (found.opset, found.nodes, found.warnings()) == (17, 1, [])


def test_transposes_casts_and_free_dimensions_are_counted() -> None:
    nodes = [
        helper.make_node("Transpose", ["input"], ["a"]),
        helper.make_node("Cast", ["a"], ["b"], to=TensorProto.FLOAT16),
        helper.make_node("Cast", ["b"], ["c"], to=TensorProto.FLOAT),
        helper.make_node("Cast", ["c"], ["d"], to=TensorProto.FLOAT),
        helper.make_node("MatMul", ["d", "weight"], ["output"], "layer"),
    ]
    found = lint_onnx(_file(nodes, ["n", "free"]))
    assert (found.transposes, found.casts, found.dynamic) == (1, 3, ("input",))
    text = " ".join(found.warnings())
    assert "1 Transpose" in text and "3 Cast" in text and "beside the batch: input" in text
