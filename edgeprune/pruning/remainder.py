"""What is left of a graph when branches are removed: the nodes of a candidate's ONNX file."""

from collections.abc import Sequence
from dataclasses import replace

import onnx

from edgeprune.pruning.branches import Branch
from edgeprune.pruning.flow import Flow
from edgeprune.pruning.graph import Graph, Node
from edgeprune.pruning.integers import Source

#: Operators whose output has no negative number if their input has none.
_KEEP_THE_SIGN = frozenset(
    {"AveragePool", "Dropout", "GlobalAveragePool", "Identity", "MaxPool", "Slice"}
)


def remaining_nodes(flow: Flow, gone: Sequence[Branch]) -> tuple[list[Node], set[str]]:
    """The nodes the output depends on, in order, and the names of the leaves they read.

    Sizes that are written in as numbers need no nodes.

    Args:
        flow: the pass over the model's graph.
        gone: branches that are removed: their shortcuts stand for the sums.
    """
    graph = flow.graph
    stands_for = _stands_for(graph, gone)
    wanted = {stands_for.get(name, name) for name in graph.outputs}
    nodes: list[Node] = []
    for node in reversed(graph.nodes):
        if wanted.isdisjoint(node.outputs) or literal(flow, node.outputs[0]):
            continue
        renamed = [stands_for.get(name, name) for name in node.inputs]
        for position, name in enumerate(renamed):
            sizes = flow.sizes.get((node.outputs[0], position))
            if sizes is not None:
                renamed[position] = sizes.name
            elif (node.outputs[0], position) in flow.left_out:
                renamed[position] = ""
            elif name:
                wanted.add(name)
        nodes.append(_with_inputs(node, renamed))
    nodes.reverse()
    for name in graph.outputs:
        if name in stands_for:  # the file's output keeps its name
            nodes.append(_identity(stands_for[name], name))
    made = {name for node in nodes for name in node.outputs}
    return nodes, wanted - made - set(graph.inputs)


def literal(flow: Flow, name: str) -> bool:
    """Whether a tensor holds numbers that never change."""
    ints = flow.value(name).ints
    return ints is not None and int(ints.sources.max(initial=0)) == Source.LITERAL


def _stands_for(graph: Graph, gone: Sequence[Branch]) -> dict[str, str]:
    """Which tensor is read in place of each that is not made any more.

    The shortcut in place of the sum. A ReLU behind it is left out where nothing is negative: it
    would read and write the whole tensor for nothing.
    """
    if not gone:
        return {}
    shortcuts = {branch.total: branch.shortcut for branch in gone}
    found: dict[str, str] = {}
    positive: set[str] = set()
    for node in graph.nodes:
        output = node.outputs[0]
        first = found.get(node.inputs[0], node.inputs[0]) if node.inputs else ""
        if output in shortcuts:
            shortcut = shortcuts[output]
            found[output] = found.get(shortcut, shortcut)
        elif node.op == "Relu" and first in positive:
            found[output] = first
        elif node.op == "Relu" or (first in positive and _keeps_the_sign(node)):
            positive.add(output)
    return found


def _keeps_the_sign(node: Node) -> bool:
    if node.op == "Pad":
        return node.attributes.get("mode", b"constant") == b"constant" and not node.has_input(2)
    return node.op in _KEEP_THE_SIGN


def _with_inputs(node: Node, inputs: list[str]) -> Node:
    if inputs == list(node.inputs):
        return node
    proto = onnx.NodeProto()
    proto.CopyFrom(node.proto)
    proto.input[:] = inputs
    return replace(node, inputs=tuple(inputs), proto=proto)


def _identity(source: str, name: str) -> Node:
    proto = onnx.helper.make_node("Identity", [source], [name], name="/Identity")
    return Node("Identity", (source,), (name,), {}, "", proto)
