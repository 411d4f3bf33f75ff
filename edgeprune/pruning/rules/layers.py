"""Convolutions and matrix products: they read one set of channels and make another."""

import math

import numpy as np

from edgeprune.pruning.flow import Flow, GroupedConv, Layer, Value, rule
from edgeprune.pruning.graph import Node
from edgeprune.pruning.labels import Ids


@rule("Conv")
def convolution(flow: Flow, node: Node) -> None:
    """Output channels are the weights' first axis; input channels their second, times groups."""
    image, weight = flow.value(node.inputs[0]), flow.value(node.inputs[1])
    if weight.parameter is None or len(image.shape) < 3:
        flow.fix_all(node, f"weights that are computed from activations: {node.where}")
        return
    flow.fix(image, f"an axis of the image: {node.where}", but=1)
    groups = int(node.attributes.get("group", 1))
    if groups == 1:
        flow.unify(image, 1, weight, 1)
    else:
        _tie_conv_groups(flow, image.axes[1], weight.axes[0], groups, image)
        per_group = weight.shape[0] // groups
        flow.grouped.append(GroupedConv(node, weight.parameter, per_group))
    _bias(flow, node, weight.axes[0])
    flow.put(node, (None, weight.axes[0], *[None] * (len(image.shape) - 2)))
    # In a grouped convolution the second axis never changes: whole conv groups go.
    fan_in = weight.axes[1] if groups == 1 else None
    _record(flow, node, image, weight, (fan_in, weight.shape[1]), (weight.axes[0], weight.shape[0]))


@rule("ConvTranspose")
def transposed_convolution(flow: Flow, node: Node) -> None:
    """Like a convolution, with the weights' first two axes swapped."""
    image, weight = flow.value(node.inputs[0]), flow.value(node.inputs[1])
    if weight.parameter is None or int(node.attributes.get("group", 1)) > 1:
        flow.fix_all(node, f"not followed by edgeprune: grouped {node.where}")
        return
    flow.fix(image, f"an axis of the image: {node.where}", but=1)
    flow.unify(image, 1, weight, 0)
    _bias(flow, node, weight.axes[1])
    flow.put(node, (None, weight.axes[1], *[None] * (len(image.shape) - 2)))
    _record(
        flow,
        node,
        image,
        weight,
        (weight.axes[0], weight.shape[0]),
        (weight.axes[1], weight.shape[1]),
    )


@rule("Gemm")
def linear(flow: Flow, node: Node) -> None:
    """A linear layer on (batch, features)."""
    rows, weight = flow.value(node.inputs[0]), flow.value(node.inputs[1])
    fan_in, out = (1, 0) if node.attributes.get("transB", 0) else (0, 1)
    if weight.parameter is None or node.attributes.get("transA", 0):
        flow.fix_all(node, f"weights that are computed from activations: {node.where}")
        return
    flow.fix(rows, f"rows of a product: {node.where}", but=1)
    flow.unify(rows, 1, weight, fan_in)
    _bias(flow, node, weight.axes[out])
    flow.put(node, (None, weight.axes[out]))
    _record(
        *(flow, node, rows, weight),
        (weight.axes[fan_in], weight.shape[fan_in]),
        (weight.axes[out], weight.shape[out]),
    )


@rule("MatMul")
def product(flow: Flow, node: Node) -> None:
    """A linear layer on (..., features); products of two activations are left alone."""
    rows, weight = flow.value(node.inputs[0]), flow.value(node.inputs[1])
    if weight.parameter is None or rows.parameter is not None or len(weight.shape) != 2:
        flow.fix_all(node, f"a product of two activations: {node.where}")
        return
    flow.fix(rows, f"rows of a product: {node.where}", but=-1)
    flow.unify(rows, -1, weight, 0)
    flow.put(node, (*[None] * (len(rows.shape) - 1), weight.axes[1]))
    _record(
        *(flow, node, rows, weight),
        (weight.axes[0], weight.shape[0]),
        (weight.axes[1], weight.shape[1]),
    )


def _tie_conv_groups(
    flow: Flow, inputs: Ids | None, outputs: Ids | None, groups: int, image: Value
) -> None:
    """Cut a grouped convolution by whole conv groups, depthwise ones channel by channel."""
    if outputs is None:
        flow.labels.fix(inputs, "tied to channels that stay: a convolution's only output")
        return
    if inputs is None:
        flow.labels.fix(outputs, f"tied to channels that stay: {image.why}")
        return
    by_group = inputs.reshape(groups, -1)
    flow.labels.unify(by_group[:, :1], by_group)
    flow.labels.unify(by_group[:, :1], outputs.reshape(groups, -1))


def _bias(flow: Flow, node: Node, outputs: Ids | None) -> None:
    if not node.has_input(2):
        return
    bias = flow.value(node.inputs[2])
    ids = bias.axes[-1] if bias.axes else None
    if ids is not None and outputs is not None and ids.size == outputs.size:
        flow.labels.unify(ids, outputs)
    elif bias.parameter is None:
        flow.labels.fix(outputs, f"tied to channels that stay: {bias.why}")


def _record(
    flow: Flow,
    node: Node,
    image: Value,
    weight: Value,
    fan_in: tuple[Ids | None, int],
    outputs: tuple[Ids | None, int],
) -> None:
    convolves = node.op.startswith("Conv")
    out_shape = flow.shape_of(node)
    channel = 1 if convolves else -1
    spatial = out_shape[2:] if convolves else out_shape[1:-1]
    kernel = weight.shape[2:] if convolves else ()
    parameter = weight.parameter or ""
    flow.layers.append(
        Layer(
            name=parameter.rpartition(".")[0],
            op=node.op,
            weight=parameter,
            inputs=_channels(image.axes[channel], image.shape[channel]),
            outputs=_channels(*outputs),
            fan_in=_channels(*fan_in),
            kernel=(math.prod(kernel[:-1]), math.prod(kernel[-1:])),
            stride=int(np.ravel(node.attributes.get("strides", [1]))[0]),
            groups=int(node.attributes.get("group", 1)),
            in_positions=math.prod(image.shape) // (image.shape[0] * image.shape[channel]),
            out_size=(math.prod(spatial[:-1]), math.prod(spatial[-1:])),
        )
    )


def _channels(ids: Ids | None, count: int) -> Ids | int:
    return count if ids is None else ids
