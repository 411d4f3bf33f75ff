"""Convolutions and matrix products: they read one set of channels and make another."""

import math

import numpy as np

from edgeprune.pruning.attributes import counting
from edgeprune.pruning.flow import Flow, Layer, NodeNumber, Product, Value, rule
from edgeprune.pruning.graph import Node
from edgeprune.pruning.labels import Ids


@rule("Conv")
def convolution(flow: Flow, node: Node) -> None:
    """Output channels are the weights' first axis; input channels their second, times groups."""
    image, weight = flow.value(node.inputs[0]), flow.weight(node)
    if weight.batched or len(image.shape) < 3:
        _leave(flow, node, f"weights that are computed from activations: {node.where}")
        return
    along = _kept_lines(flow, node, image)
    flow.labels.fix(image.axes[0], f"images of a batch: {node.where}")
    groups = int(node.attributes.get("group", 1))
    if groups == 1:
        flow.unify(image, 1, weight, 1)
    else:
        _tie_conv_groups(flow, image.axes[1], weight.axes[0], groups, image)
        if weight.axes[0] is not None:
            per_group = weight.shape[0] // groups
            flow.node_numbers.append(NodeNumber(node, "group", weight.axes[0], per_group))
            if weight.parameter is None:  # a filter whose code may count the channels by a name
                named = counting(flow.numbers(node), [groups], [weight.axes[0]])
                flow.remember(node, named or {})
    _bias(flow, node, weight.axes[0])
    flow.put(node, (None, weight.axes[0], *along))
    # In a grouped convolution the second axis never changes: whole conv groups go.
    fan_in = weight.axes[1] if groups == 1 else None
    _record(flow, node, image, weight, (fan_in, weight.shape[1]), (weight.axes[0], weight.shape[0]))


@rule("ConvTranspose")
def transposed_convolution(flow: Flow, node: Node) -> None:
    """Like a convolution, with the weights' first two axes swapped."""
    image, weight = flow.value(node.inputs[0]), flow.value(node.inputs[1])
    if weight.batched:
        _leave(flow, node, f"weights that are computed from activations: {node.where}")
        return
    flow.fix(image, f"an axis of the image: {node.where}", but=1)
    flow.unify(image, 1, weight, 0)
    groups = int(node.attributes.get("group", 1))
    outputs, per_group = weight.axes[1], weight.shape[0] // groups
    if groups > 1:  # the weights' second axis never changes: whole conv groups go
        outputs = None
        if weight.axes[0] is not None:
            outputs = flow.labels.fresh(flow.shape_of(node)[1])
            _tie_conv_groups(flow, weight.axes[0], outputs, groups, image)
            flow.node_numbers.append(NodeNumber(node, "group", weight.axes[0], per_group))
    _bias(flow, node, outputs)
    flow.put(node, (None, outputs, *[None] * (len(image.shape) - 2)))
    fan_in = (weight.axes[0] if groups == 1 else None, per_group)
    _record(flow, node, image, weight, fan_in, (outputs, flow.shape_of(node)[1]))


@rule("Gemm")
def linear(flow: Flow, node: Node) -> None:
    """A linear layer on (batch, features)."""
    rows, weight = flow.value(node.inputs[0]), flow.value(node.inputs[1])
    fan_in, out = (1, 0) if node.attributes.get("transB", 0) else (0, 1)
    if weight.parameter is None or node.attributes.get("transA", 0):
        _leave(flow, node, f"weights that are computed from activations: {node.where}")
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
    """A linear layer on (..., features), or a product of two activations."""
    rows, weight = flow.value(node.inputs[0]), flow.value(node.inputs[1])
    if weight.parameter is None or rows.parameter is not None or len(weight.shape) != 2:
        _of_two(flow, node, rows, weight)
        return
    flow.fix(rows, f"rows of a product: {node.where}", but=-1)
    flow.unify(rows, -1, weight, 0)
    flow.put(node, (*[None] * (len(rows.shape) - 1), weight.axes[1]))
    _record(
        *(flow, node, rows, weight),
        (weight.axes[0], weight.shape[0]),
        (weight.axes[1], weight.shape[1]),
    )


def _of_two(flow: Flow, node: Node, left: Value, right: Value) -> None:
    """What is summed over is cut alike in both; rows of one and columns of the other pass."""
    if min(len(left.shape), len(right.shape)) < 2:
        _leave(flow, node, f"a product with a vector: {node.where}")
        return
    flow.unify(left, -1, right, -2)
    flow.lose_batch(left, -1)
    flow.lose_batch(right, -2)
    rank = len(flow.shape_of(node))
    outer: list[Ids | None] = []
    for axis in range(-rank, -2):
        sides = [one for one in (left, right) if -axis <= len(one.shape) and one.shape[axis] > 1]
        if len(sides) == 2:
            flow.unify(left, axis, right, axis)
        labelled = [one.axes[axis] for one in sides]
        known = [ids for ids in labelled if ids is not None]
        outer.append(known[0] if known and len(known) == len(labelled) else None)
    axes = (*outer, left.axes[-2], right.axes[-1])
    flow.put(node, axes)
    shape = flow.shape_of(node)
    factors = [_channels(ids, size) for ids, size in zip(axes, shape, strict=True)]
    factors.append(_channels(left.axes[-1], left.shape[-1]))
    flow.products.append(Product(node.module, tuple(factors)))


def _leave(flow: Flow, node: Node, reason: str) -> None:
    """Fix the channels of a product, and count its multiplications."""
    flow.fix_all(node, reason)
    weight, out = flow.value(node.inputs[1]).shape, flow.shape_of(node)
    if node.op == "Conv":
        macs = math.prod(out) * math.prod(weight[1:])
    elif node.op == "ConvTranspose":
        macs = math.prod(flow.value(node.inputs[0]).shape) * math.prod(weight[1:])
    else:
        inner = 1 if node.op == "Gemm" and node.attributes.get("transB", 0) else -2
        macs = math.prod(out) * weight[inner if len(weight) > 1 else 0]
    flow.products.append(Product(node.module, (macs,)))


def _kept_lines(flow: Flow, node: Node, image: Value) -> list[Ids | None]:
    """Labels of the image's axes, where a convolution makes as many positions as it is given.

    Channels can stand there (ECA: one convolution along them). What is cut is then no neighbour
    any more; the others move together.
    """
    lines: list[Ids | None] = []
    dimensions = len(image.shape) - 2
    strides = node.attributes.get("strides", [1] * dimensions)
    dilations = node.attributes.get("dilations", [1] * dimensions)
    pads = node.attributes.get("pads", [0] * 2 * dimensions)
    kernel = flow.value(node.inputs[1]).shape[2:]
    for axis in range(dimensions):
        ids = image.axes[axis + 2]
        border = dilations[axis] * (kernel[axis] - 1)
        same = strides[axis] == 1 and pads[axis] + pads[axis + dimensions] == border
        if ids is not None and (not same or any(one is not None for one in lines)):
            flow.labels.fix(ids, f"an axis of the image: {node.where}")
            ids = None
        lines.append(ids)
    return lines


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
    # What is folded into the first axis, such as windows, is multiplied, too.
    spatial = (out_shape[0], *out_shape[2:]) if convolves else out_shape[:-1]
    kernel = weight.shape[2:] if convolves else ()
    parameter = weight.parameter or f"{node.module}.filter"
    along = None
    if convolves:
        along = next((ids for ids in flow.value(node.outputs[0]).axes[2:] if ids is not None), None)
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
            in_positions=math.prod(image.shape) // image.shape[channel],
            out_size=(math.prod(spatial[:-1]), math.prod(spatial[-1:])),
            along=along,
        )
    )


def _channels(ids: Ids | None, count: int) -> Ids | int:
    return count if ids is None else ids
