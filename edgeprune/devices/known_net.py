"""A small ONNX network whose outputs and layers are known: what a device is tried with."""

import math
from typing import Any

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

#: Node names of the convolutions and the linear layer of `small_net`.
SMALL_NET_LAYERS = ("/conv1/Conv", "/conv2/Conv", "/conv3/Conv", "/linear/Gemm")


def small_net(width: int = 64, *, size: int = 32, seed: int = 0, note: str = "") -> bytes:
    """An ONNX file with three convolutions (batch norm, ReLU, one shortcut) and a linear layer.

    Args:
        width: channels of every convolution.
        size: height and width of the input ``(1, 3, size, size)``.
        seed: of the weights.
        note: kept in the file: equal nets with other notes are other files.
    """
    generator = np.random.default_rng(seed)
    nodes: list[Any] = []
    weights: list[Any] = []

    def weight(name: str, values: Any) -> str:
        weights.append(numpy_helper.from_array(np.asarray(values, np.float32), name))
        return name

    def layer(source: str, name: str, channels: int) -> str:
        scale = math.sqrt(2 / (9 * channels))
        kernel = weight(
            f"{name}.weight", scale * generator.standard_normal((width, channels, 3, 3))
        )
        output, norm = f"/{name}/Conv_output_0", name.replace("conv", "bn")
        pads = {"kernel_shape": [3, 3], "pads": [1, 1, 1, 1]}
        nodes.append(helper.make_node("Conv", [source, kernel], [output], f"/{name}/Conv", **pads))
        ones, zeros = np.ones(width), np.zeros(width)
        statistics = {"weight": ones, "bias": zeros, "running_mean": zeros, "running_var": ones}
        given = [weight(f"{norm}.{key}", values) for key, values in statistics.items()]
        normed = f"/{norm}/BatchNormalization"
        nodes.append(
            helper.make_node("BatchNormalization", [output, *given], [f"{normed}_output_0"], normed)
        )
        return f"{normed}_output_0"

    def step(operator: str, inputs: list[str], name: str, **attributes: Any) -> str:
        nodes.append(helper.make_node(operator, inputs, [f"{name}_output_0"], name, **attributes))
        return f"{name}_output_0"

    first = step("Relu", [layer("input", "conv1", 3)], "/Relu")
    second = step("Relu", [layer(first, "conv2", width)], "/Relu_1")
    total = step("Add", [layer(second, "conv3", width), first], "/Add")
    pooled = step("GlobalAveragePool", [step("Relu", [total], "/Relu_2")], "/GlobalAveragePool")
    flat = step("Flatten", [pooled], "/Flatten")
    linear = [
        weight("linear.weight", generator.standard_normal((10, width))),
        weight("linear.bias", np.zeros(10)),
    ]
    nodes.append(
        helper.make_node("Gemm", [flat, *linear], ["output"], SMALL_NET_LAYERS[-1], transB=1)
    )
    graph = helper.make_graph(
        nodes,
        "small_net",
        [helper.make_tensor_value_info("input", TensorProto.FLOAT, [1, 3, size, size])],
        [helper.make_tensor_value_info("output", TensorProto.FLOAT, [1, 10])],
        weights,
        doc_string=note,
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)])
    model.ir_version = 8
    onnx.checker.check_model(model)
    return bytes(model.SerializeToString())
