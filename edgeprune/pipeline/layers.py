"""Layer by layer: what each took before and after, and how many channels it has."""

from collections.abc import Sequence

import onnx

from edgeprune.devices import LayerTime
from edgeprune.report import Layer


def layer_rows(
    before: bytes,
    after: bytes,
    times_before: Sequence[LayerTime],
    times_after: Sequence[LayerTime],
) -> tuple[Layer, ...]:
    """Line up the profiles of the base file and of the result's file.

    Args:
        before: the base model's ONNX file.
        after: the result's; made from the same template, so its nodes have the same names.
        times_before: the base's profile.
        times_after: the result's profile.

    Returns:
        One row per layer in execution order: name (of the torch module where the layer has
        weights), op, milliseconds and ``inputs->outputs`` channels before and after; None
        where a side has no such layer.
    """
    layers_before, layers_after = _weighted(before), _weighted(after)
    milliseconds = {time.name: time.ms for time in times_after}
    names = [time.name for time in times_before]
    added = [time for time in times_after if time.name not in set(names)]
    rows = []
    for time in times_before:
        module, channels = layers_before.get(time.name, (time.name, None))
        _, after_channels = layers_after.get(time.name, (module, None))
        after_ms = milliseconds.get(time.name)
        rows.append(Layer(module, time.op, time.ms, after_ms, channels, after_channels))
    return (*rows, *(Layer(time.name, time.op, None, time.ms) for time in added))


def _weighted(content: bytes) -> dict[str, tuple[str, str]]:
    """Module name and ``inputs->outputs`` channels of every node with a weight, by node name."""
    graph = onnx.load_from_string(content).graph
    shapes = {tensor.name: tuple(tensor.dims) for tensor in graph.initializer}
    found = {}
    for node in graph.node:
        weight = node.input[1] if node.op_type in {"Conv", "Gemm"} else ""
        if weight not in shapes:
            continue
        groups = next((one.i for one in node.attribute if one.name == "group"), 1)
        outputs, inputs = shapes[weight][0], shapes[weight][1] * groups
        found[node.name] = (weight.removesuffix(".weight"), f"{inputs}->{outputs}")
    return found
