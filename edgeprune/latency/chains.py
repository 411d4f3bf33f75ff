"""Small ONNX files with one kind of layer, to see how its time depends on the channels."""

from typing import Any

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

#: Layers in a chain: what the runtime does at its ends weighs less.
LENGTH = 4
#: Height and width of the images; a depthwise layer does little for each pixel.
SIZES = {"conv": 14, "depthwise": 28, "grouped": 14}
#: Of a grouped layer.
GROUPS = 2


def pixels(kind: str) -> int:
    """Of the images in a chain of one kind of layer; 1 where there are none."""
    return SIZES.get(kind, 1) ** 2


def chain(kind: str, channels: int, length: int = LENGTH) -> bytes:
    """An ONNX file of equal layers, each followed by a ReLU.

    Args:
        kind: ``conv``, ``depthwise``, ``grouped`` (two groups; 3x3 filters all) or ``linear``.
        channels: read and written by each layer; even where it is grouped.
        length: how many layers.
    """
    generator = np.random.default_rng(0)
    nodes: list[Any] = []
    weights: list[Any] = []

    def weight(name: str, *shape: int) -> str:
        values = generator.standard_normal(shape) / np.sqrt(np.prod(shape[1:]))
        weights.append(numpy_helper.from_array(values.astype(np.float32), name))
        return name

    source = "input"
    for number in range(length):
        result, name = f"sum{number}", f"layer{number}"
        if kind == "linear":
            given = [source, weight(f"{name}.weight", channels, channels)]
            given.append(weight(f"{name}.bias", channels))
            nodes.append(helper.make_node("Gemm", given, [result], name, transB=1))
        else:
            groups = {"conv": 1, "depthwise": channels, "grouped": GROUPS}[kind]
            given = [source, weight(f"{name}.weight", channels, channels // groups, 3, 3)]
            given.append(weight(f"{name}.bias", channels))
            settings = {"kernel_shape": [3, 3], "pads": [1, 1, 1, 1], "group": groups}
            nodes.append(helper.make_node("Conv", given, [result], name, **settings))
        source = "output" if number == length - 1 else f"active{number}"
        nodes.append(helper.make_node("Relu", [result], [source], f"relu{number}"))
    shape = [1, channels] if kind == "linear" else [1, channels, SIZES[kind], SIZES[kind]]
    ends = [helper.make_tensor_value_info(n, TensorProto.FLOAT, shape) for n in ("input", "output")]
    graph = helper.make_graph(nodes, f"{kind}_chain", ends[:1], ends[1:], weights)
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)])
    model.ir_version = 8
    onnx.checker.check_model(model)
    return bytes(model.SerializeToString())
