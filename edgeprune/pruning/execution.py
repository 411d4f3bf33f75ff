"""A graph as a runtime executes it: layers with what is fused into them, and tensors."""

import math
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Literal

from edgeprune.pruning.graph import Node

#: Operators that give the numbers they were given another shape or name.
_VIEWS = frozenset({"Dropout", "Flatten", "Identity", "Reshape", "Squeeze", "Unsqueeze"})
#: Operators that belong to what made their input, or write over it, where nobody else reads it.
_FUSED = frozenset(
    "BatchNormalization Clip Elu Erf Gelu HardSigmoid HardSwish LeakyRelu PRelu Relu Sigmoid "
    "Softplus Tanh".split()
)
_SUMS = frozenset({"Add", "Div", "Mul", "Sub"})
_POOLS = frozenset({"AveragePool", "GlobalAveragePool", "GlobalMaxPool", "MaxPool"})

Kind = Literal["conv", "depthwise", "grouped", "sum", "single", "concat", "pool", "other"]


@dataclass(frozen=True)
class Step:
    """One kernel.

    Attributes:
        kind: what it does.
        reads: numbers of the tensors that it reads.
        writes: number of the tensor that it makes.
        bare: whether no activation is fused into it: a sum may be.
        adds: whether it is a sum that adds.
        sum: number of the tensor that a convolution adds to its result.
        taps: positions of a convolution's filter; 0 where the image itself is what it multiplies.
        groups: of a grouped convolution.
    """

    kind: Kind
    reads: tuple[int, ...]
    writes: int
    bare: bool = True
    adds: bool = False
    sum: int | None = None
    taps: int = 0
    groups: int = 1


@dataclass(frozen=True)
class Execution:
    """The steps of a graph.

    Attributes:
        steps: in their order.
        tensors: name of each tensor, by its number.
        kept: numbers of those that are the graph's outputs.
    """

    steps: tuple[Step, ...]
    tensors: tuple[str, ...]
    kept: tuple[int, ...]


def execution_of(
    nodes: Sequence[Node],
    outputs: Sequence[str],
    is_activation: Callable[[str], bool],
    shape: Callable[[str], tuple[int, ...]],
) -> Execution:
    """Fuse what every runtime fuses, and number the tensors.

    Args:
        nodes: in the order of execution.
        outputs: of the graph.
        is_activation: whether a tensor depends on the images and is kept in memory; what is given
            to the network lies in the caller's.
        shape: of a tensor.
    """
    readers = Counter(name for node in nodes for name in dict.fromkeys(node.inputs) if name)
    readers.update(outputs)
    number: dict[str, int] = {}
    tensors: list[str] = []
    steps: list[Step] = []
    for node in nodes:
        taken = [name for name in dict.fromkeys(node.inputs) if name in number]
        made = [name for name in node.outputs if name and is_activation(name)]
        alone = bool(taken) and readers[taken[0]] == 1
        if taken and made and (node.op in _VIEWS or (node.op in _FUSED and alone)):
            number[made[0]] = number[taken[0]]
            if node.op in _FUSED - {"BatchNormalization"}:
                maker = number[taken[0]]
                steps = [replace(one, bare=one.bare and one.writes != maker) for one in steps]
            continue
        if node.op == "Sigmoid" and made and _is_gate(made[0], taken, nodes):
            number[made[0]] = number[taken[0]]
            continue
        for name in made:
            number[name] = len(tensors)
            tensors.append(name)
            reads = tuple(dict.fromkeys(number[one] for one in taken))
            steps.append(_step(node, shape, reads, number[name]))
    kept = tuple(dict.fromkeys(number[name] for name in outputs if name in number))
    return Execution(tuple(steps), tuple(tensors), kept)


def _is_gate(name: str, taken: Sequence[str], nodes: Sequence[Node]) -> bool:
    """Whether a sigmoid is the gate of what it is of alone: a product that runtimes fuse."""
    readers = [node for node in nodes if name in node.inputs]
    return len(readers) == 1 and readers[0].op == "Mul" and taken[0] in readers[0].inputs


def _step(
    node: Node, shape: Callable[[str], tuple[int, ...]], reads: tuple[int, ...], writes: int
) -> Step:
    if node.op != "Conv" or len(shape(node.inputs[0])) != 4:
        # A sum of one tensor is a product with its own gate, or with a number.
        kind: Kind = "single" if node.op == "Mul" and len(reads) == 1 else _kind(node)
        return Step(kind, reads, writes, adds=node.op == "Add")
    groups = int(node.attributes.get("group", 1))
    kind = "conv" if groups == 1 else "grouped"
    if groups > 1 and groups == shape(node.inputs[0])[1]:
        kind = "depthwise"
    area = math.prod(shape(node.inputs[1])[2:])
    stride = max(node.attributes.get("strides", (1,)))
    # What the rows of a product are is in the image already, one after the other.
    taps = 0 if area == 1 and stride == 1 else area
    return Step(kind, reads, writes, taps=taps, groups=groups)


def _kind(node: Node) -> Kind:
    if node.op in _SUMS:
        return "sum"
    if node.op in _FUSED:
        return "single"
    if node.op == "Concat":
        return "concat"
    return "pool" if node.op in _POOLS else "other"
