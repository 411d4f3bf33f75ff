"""The chains of `chains`, as TFLite files: the same layers, channels last, activations fused."""

from typing import Any

import numpy as np

from edgeprune.devices.known_tflite import TfliteWriter
from edgeprune.latency.chains import GROUPS, LENGTH, SIZES


def tflite_chain(kind: str, channels: int, length: int = LENGTH) -> bytes:
    """A TFLite file of equal layers, each followed by a ReLU.

    Args:
        kind: ``conv``, ``depthwise``, ``grouped`` or ``linear``.
        channels: read and written by each layer; even where it is grouped.
        length: how many layers.
    """
    from ai_edge_litert import schema_py_generated as schema

    writer = TfliteWriter(schema)
    generator = np.random.default_rng(0)
    side = SIZES.get(kind)
    shape = (1, channels) if side is None else (1, side, side, channels)
    fan_in = {"conv": 9 * channels, "depthwise": 9, "grouped": 9 * channels // GROUPS}
    weights = {
        "conv": (channels, 3, 3, channels),
        "depthwise": (1, 3, 3, channels),
        "grouped": (channels, 3, 3, channels // GROUPS),
        "linear": (channels, channels),
    }[kind]
    scale = 1 / np.sqrt(fan_in.get(kind, channels))
    operator, options_name = _OPERATORS[kind]
    source = last = writer.tensor("input", shape)
    for number in range(length):
        values = scale * generator.standard_normal(weights)
        weight = writer.tensor(f"layer{number}.weight", weights, values)
        bias = writer.tensor(f"layer{number}.bias", (channels,), np.zeros(channels))
        output = writer.tensor(f"layer{number}", shape)
        options = _options(schema, options_name)
        writer.operator(operator, [last, weight, bias], output, options, options_name)
        last = output
    return writer.file(source, last)


_OPERATORS = {
    "conv": ("CONV_2D", "Conv2DOptions"),
    "depthwise": ("DEPTHWISE_CONV_2D", "DepthwiseConv2DOptions"),
    "grouped": ("CONV_2D", "Conv2DOptions"),
    "linear": ("FULLY_CONNECTED", "FullyConnectedOptions"),
}


def _options(schema: Any, name: str) -> Any:
    options = getattr(schema, f"{name}T")()
    options.fusedActivationFunction = schema.ActivationFunctionType.RELU
    if name != "FullyConnectedOptions":
        options.padding, options.strideH, options.strideW = schema.Padding.SAME, 1, 1
        options.dilationHFactor = options.dilationWFactor = 1
    if name == "DepthwiseConv2DOptions":
        options.depthMultiplier = 1
    return options
