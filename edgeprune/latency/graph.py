"""The graph of a net between its layers, as far as it matters where tensors are laid out anew."""

import math
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from enum import Enum

import onnx

from edgeprune.devices.layer_names import node_name
from edgeprune.devices.tensor_shapes import Shapes, read_shapes, running_nodes
from edgeprune.errors import MeasurementError
from edgeprune.latency.kernels import Layer


class Kind(Enum):
    """What a node is to a runtime."""

    INPUT = "input"
    LAYER = "layer"
    ACTIVATION = "activation"
    NORM = "norm"
    SUM = "sum"
    PRODUCT = "product"
    CONCATENATION = "concatenation"
    POOL = "pool"
    #: Reads and writes tensors that are laid out plainly.
    OTHER = "other"
    OUTPUT = "output"


_KINDS = {
    Kind.ACTIVATION: "Clip HardSigmoid HardSwish LeakyRelu Relu Sigmoid Tanh",
    Kind.NORM: "BatchNormalization",
    Kind.SUM: "Add Sum",
    Kind.PRODUCT: "Mul",
    Kind.CONCATENATION: "Concat",
    Kind.POOL: "AveragePool GlobalAveragePool GlobalMaxPool MaxPool",
}
_KIND_OF = {operator: kind for kind, names in _KINDS.items() for operator in names.split()}
#: Nodes of which nothing runs.
_NOTHING = frozenset({"Dropout", "Identity"})


@dataclass(frozen=True)
class Step:
    """One node.

    Attributes:
        kind: of it.
        sources: the steps whose tensors it reads.
        layer: its place among the net's layers; -1 of anything else.
        growth: elements that it writes for each one that its largest source has.
        elements: of an input.
        open: whether its one reader may be taken into it.
        activated: of a layer: an activation is taken in already.
    """

    kind: Kind
    sources: tuple[int, ...] = ()
    layer: int = -1
    growth: float = 1.0
    elements: float = 0.0
    open: bool = True
    activated: bool = False


def read_steps(model: bytes, layers: Sequence[Layer]) -> tuple[Step, ...]:
    """The steps of an ONNX file, in the order in which they run.

    Args:
        model: the file.
        layers: its layers, by `read_layers`.

    Raises:
        MeasurementError: not an ONNX file, or one whose nodes do not fit together.
    """
    try:
        parsed = onnx.load_model_from_string(model)
        shapes, constants = read_shapes(parsed)
        steps = list(_steps(parsed.graph, shapes, constants, layers))
    except Exception as error:
        msg = f"the graph of the model cannot be read: {error}"
        raise MeasurementError(msg) from error
    return _taken_in(steps)


def _taken_in(steps: Sequence[Step]) -> tuple[Step, ...]:
    """The steps without the activations that layers take in whatever their layouts."""
    readers = Counter(source for step in steps for source in step.sources)
    found: list[Step] = []
    places: list[int] = []
    for place, step in enumerate(steps):
        sources = tuple(places[source] for source in step.sources)
        last = found[sources[0]] if sources else None
        if step.kind is Kind.ACTIVATION and last and last.kind is Kind.LAYER and last.open:
            found[sources[0]] = replace(last, open=False, activated=True)
            places.append(sources[0])
            continue
        places.append(len(found))
        found.append(replace(step, sources=sources, open=readers[place] == 1))
    return tuple(found)


def _steps(
    graph: onnx.GraphProto, shapes: Shapes, constants: set[str], layers: Sequence[Layer]
) -> Iterator[Step]:
    places = {layer.node: place for place, layer in enumerate(layers)}
    writers: dict[str, int] = {}
    for value in graph.input:
        if value.name not in constants:
            writers[value.name] = len(writers)
            yield Step(Kind.INPUT, elements=float(math.prod(shapes[value.name])))
    kinds = [Kind.INPUT] * len(writers)
    for node in running_nodes(graph, constants):
        read = [name for name in node.input if name in writers]
        place = places.get(node_name(node), -1)
        kind = _KIND_OF.get(node.op_type, Kind.OTHER) if place < 0 else Kind.LAYER
        folded = kind is Kind.NORM and kinds[writers[read[0]]] is Kind.LAYER
        if folded or node.op_type in _NOTHING:
            writers[node.output[0]] = writers[read[0]]
            continue
        yield Step(kind, tuple(writers[name] for name in read), place, _growth(node, read, shapes))
        writers.update(dict.fromkeys(node.output, len(kinds)))
        kinds.append(kind)
    for value in graph.output:
        yield Step(Kind.OUTPUT, (writers[value.name],))


def _growth(node: onnx.NodeProto, read: Sequence[str], shapes: Shapes) -> float:
    """Elements written for each of the largest source's; 1 where nobody can tell."""
    if not all(name in shapes for name in (*read, node.output[0])):
        return 1.0
    largest = max((math.prod(shapes[name]) for name in read), default=1)
    return math.prod(shapes[node.output[0]]) / max(largest, 1)
