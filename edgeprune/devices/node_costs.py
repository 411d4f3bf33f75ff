"""Work per node of an ONNX file, for the simulated device."""

import math
from dataclasses import dataclass

import onnx

from edgeprune.devices.layer_names import node_name
from edgeprune.devices.tensor_shapes import Shapes, read_shapes, running_nodes
from edgeprune.errors import MeasurementError

#: Operators a runtime fuses into the node before them, or that only move names around.
_FREE = frozenset(
    "BatchNormalization Cast Clip Constant ConstantOfShape Dropout Flatten Gather HardSigmoid "
    "HardSwish Identity Relu Reshape Shape Sigmoid Squeeze Unsqueeze".split()
)

#: Operations of one node that no network has: the day's work of a data centre.
_MOST_WORK = 10**20


@dataclass(frozen=True)
class NodeCost:
    """One node that takes time.

    Attributes:
        name: of the node.
        op: operator.
        macs: multiply-accumulates per run, channels rounded up to the staircase.
        elements: of its outputs, channels rounded up likewise.
    """

    name: str
    op: str
    macs: int
    elements: int


def node_costs(model: bytes, staircase: int) -> list[NodeCost]:
    """Work of every node that is not fused away, in the file's order.

    Args:
        model: ONNX file.
        staircase: channels are counted as the next multiple of this.

    Raises:
        MeasurementError: not an ONNX file, or a shape in it cannot be inferred.
    """
    try:
        parsed = onnx.load_model_from_string(model)
        shapes, constants = read_shapes(parsed)
    except Exception as error:
        msg = f"the model is not an ONNX file that can be read: {error}"
        raise MeasurementError(msg) from error
    nodes = [node for node in running_nodes(parsed.graph, constants) if node.op_type not in _FREE]
    if not nodes:
        msg = "the model is not an ONNX file that can be read: it has no layers"
        raise MeasurementError(msg)
    return [_cost(node, shapes, staircase) for node in nodes]


def _cost(node: onnx.NodeProto, shapes: Shapes, staircase: int) -> NodeCost:
    """The cost of a node whose inputs, outputs and shapes may be anything."""
    try:
        found = _counted(node, shapes, staircase)
    except IndexError as error:
        msg = f"node {node_name(node)!r}: its inputs or outputs are no {node.op_type}'s"
        raise MeasurementError(msg) from error
    for count in (found.macs, found.elements):
        if not 0 <= count <= _MOST_WORK:
            msg = f"node {node_name(node)!r}: its shapes ask for {count} operations"
            raise MeasurementError(msg)
    return found


def _counted(node: onnx.NodeProto, shapes: Shapes, staircase: int) -> NodeCost:
    def shape(name: str) -> tuple[int, ...]:
        if name not in shapes:
            msg = f"node {node_name(node)!r}: the shape of {name!r} cannot be inferred"
            raise MeasurementError(msg)
        if min(shapes[name], default=0) < 0:
            msg = f"node {node_name(node)!r}: {name!r} has a negative size: {shapes[name]}"
            raise MeasurementError(msg)
        return shapes[name]

    def stepped(channels: int) -> int:
        return math.ceil(channels / staircase) * staircase

    def elements(name: str) -> int:
        sizes = shape(name)
        if len(sizes) < 2:
            return math.prod(sizes)
        return sizes[0] * stepped(sizes[1]) * math.prod(sizes[2:])

    macs = 0
    if node.op_type == "Conv":
        output, weight = shape(node.output[0]), shape(node.input[1])
        groups = next((entry.i for entry in node.attribute if entry.name == "group"), 1)
        taken = stepped(weight[1]) if groups == 1 else weight[1]
        positions = output[0] * math.prod(output[2:])
        macs = positions * stepped(output[1]) * taken * math.prod(weight[2:])
    elif node.op_type in ("Gemm", "MatMul"):
        output, left = shape(node.output[0]), shape(node.input[0])
        transposed = any(entry.name == "transA" and entry.i for entry in node.attribute)
        inner = left[0] if transposed else left[-1]
        macs = math.prod(output[:-1]) * stepped(output[-1]) * stepped(inner)
    written = sum(elements(name) for name in node.output if name)
    return NodeCost(node_name(node), str(node.op_type), macs, written)
