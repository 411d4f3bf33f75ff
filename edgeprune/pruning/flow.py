"""What is known of every tensor while channel labels travel through a graph."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from edgeprune.pruning.attributes import Attribute, Numbers
from edgeprune.pruning.graph import Graph, Node, Shape, module_of
from edgeprune.pruning.integers import Count, Integers
from edgeprune.pruning.labels import Axes, Ids, Labels

#: Kinds of layers whose kernels may want different multiples of channels.
LAYER_KINDS = ("conv", "depthwise", "grouped", "linear")


class UnknownShapeError(Exception):
    """The size of a tensor cannot be found; the message names the module."""


@dataclass(frozen=True, eq=False)
class Value:
    """One tensor.

    Attributes:
        shape: its size, for the example input.
        axes: the labels of each axis; None for an axis that is never cut.
        why: why axes without labels have none; ends "...: <why>" of a reason.
        ints: its numbers, if it holds sizes.
        parameter: the state-dict name, if it is a parameter or made from parameters alone.
        batched: whether it depends on the images, so that they stand on one of its axes.
        batch: that axis; images are its outermost part where it holds more than them.
    """

    shape: Shape
    axes: Axes
    why: str = ""
    ints: Integers | None = None
    parameter: str | None = None
    batched: bool = False
    batch: int = 0

    @property
    def unlabelled(self) -> bool:
        """Whether no axis may be cut."""
        return all(ids is None for ids in self.axes)


@dataclass(frozen=True, eq=False)
class Layer:
    """A convolution or matrix product with weights.

    Attributes:
        name: the torch module.
        op: ``Conv``, ``ConvTranspose``, ``Gemm``, ``MatMul``, ``LSTM``, ``GRU`` or ``RNN``.
        weight: state-dict name of its weights.
        inputs: labels, or just the number, of the channels it reads.
        outputs: labels, or just the number, of the channels it makes.
        fan_in: labels, or just the number, of the channels one output channel reads.
        kernel: height and width; (1, 1) for a matrix product, gates stand as height.
        stride: first stride.
        groups: of a convolution; 1 otherwise.
        in_positions: pixels (or rows) of the input.
        out_size: height and width of the output; a matrix product's rows stand as width. What
            stands before the batch, such as windows, counts as height.
        along: labels of an axis of the image that is cut: `out_size` has its full length.
    """

    name: str
    op: str
    weight: str
    inputs: Ids | int
    outputs: Ids | int
    fan_in: Ids | int
    kernel: tuple[int, int]
    stride: int
    groups: int
    in_positions: int
    out_size: tuple[int, int]
    along: Ids | None = None

    @property
    def kind(self) -> str:
        """One of `LAYER_KINDS`: kernels of one kind work in the same steps of channels."""
        if self.op in {"Gemm", "MatMul", "LSTM", "GRU", "RNN"}:
            return "linear"
        if self.groups == 1:
            return "conv"
        inputs = self.inputs if isinstance(self.inputs, int) else len(self.inputs)
        return "depthwise" if self.groups == inputs else "grouped"


@dataclass(frozen=True, eq=False)
class Sizes:
    """An integer input of a node that has to follow the cut.

    Attributes:
        name: of the initialiser a candidate gets.
        numbers: one entry per element: a plain number, or the labels whose kept ones count.
    """

    name: str
    numbers: tuple[int | Ids, ...]


@dataclass(frozen=True, eq=False)
class NodeNumber:
    """A number among a node's attributes that follows the cut.

    Attributes:
        node: the node.
        name: ``group`` of a grouped convolution, ``hidden_size`` of a recurrent layer.
        counted: labels of the channels that are counted.
        per: how many of them count as one: the channels of a conv group.
    """

    node: Node
    name: str
    counted: Ids
    per: int = 1


@dataclass(frozen=True, eq=False)
class Product:
    """Multiplications beside those of layers: of two activations, or by computed weights.

    Attributes:
        name: the torch module.
        factors: the MACs are their product: labels whose kept ones count, or plain numbers.
    """

    name: str
    factors: tuple[Ids | int, ...]


@dataclass(frozen=True, eq=False)
class Padding:
    """Channels that a module adds around those it is given, by a number in its code.

    Attributes:
        module: scope of the torch module; it makes nothing else.
        before: labels of the channels in front.
        inside: labels of the channels that it is given.
        after: labels of the channels behind.
    """

    module: str
    before: Ids
    inside: Ids
    after: Ids


@dataclass
class Flow:
    """The state of one pass over a graph, in the order of execution.

    Attributes:
        graph: the graph.
        labels: where labels come from; several passes may share one.
        values: what is known of the tensors so far.
        layers: the layers with weights, in the order of execution.
        node_numbers: attributes of the graph's nodes that follow the cut.
        products: what multiplies beside them.
        paddings: the modules that add channels by number.
        sizes: replaced inputs, by tensor name of a node's output and input position.
        left_out: optional inputs that files do without, told in the same way.
        attributes: of torch modules, that follow the cut, by their names.
        spread: constants that repeat one number along the axes with labels: any of it may stay.
        held: modules and their attributes that count what is not cut.
        hidden: labels of the hidden units of recurrent modules.
        any_batch: whether it is known of all activations where their images are.
    """

    graph: Graph
    labels: Labels
    values: dict[str, Value] = field(default_factory=dict)
    layers: list[Layer] = field(default_factory=list)
    node_numbers: list[NodeNumber] = field(default_factory=list)
    products: list[Product] = field(default_factory=list)
    paddings: list[Padding] = field(default_factory=list)
    sizes: dict[tuple[str, int], Sizes] = field(default_factory=dict)
    left_out: set[tuple[str, int]] = field(default_factory=set)
    attributes: dict[str, Attribute] = field(default_factory=dict)
    spread: dict[str, Axes] = field(default_factory=dict)
    held: set[tuple[str, str]] = field(default_factory=set)
    hidden: dict[str, Ids] = field(default_factory=dict)
    any_batch: bool = True

    def value(self, name: str) -> Value:
        """What is known of a tensor; parameters and constants are looked up when first used."""
        if name not in self.values:
            self.values[name] = self._leaf(name)
        return self.values[name]

    def put(
        self, node: Node, axes: Axes, *, output: int = 0, why: str = "", batch: int | None = None
    ) -> None:
        """Set the labels of a node's output; its shape must be known.

        Args:
            node: the node.
            axes: labels by axis.
            output: which of its outputs.
            why: why axes without labels have none; taken over from the inputs by default.
            batch: the axis of the images; by default that of the inputs, counted from the end.
        """
        name = node.outputs[output]
        shape = self.shape_of(node, output)
        inputs = [self.value(one) for one in node.inputs if one and one not in self.graph.constants]
        made_of = [one for one in inputs if one.ints is None]
        only_parameters = made_of and all(one.parameter for one in made_of)
        images = [one for one in made_of if one.batched]
        if batch is None:
            found = {one.batch - len(one.shape) + len(shape) for one in images}
            batch = found.pop() if found else 0
            if found or not 0 <= batch < max(len(shape), 1):
                self.any_batch, batch = False, 0
        self.values[name] = Value(
            shape,
            axes,
            why or next((one.why for one in made_of if one.unlabelled), node.where),
            parameter=made_of[0].parameter if only_parameters else None,
            batched=bool(images),
            batch=batch,
        )

    def lose_batch(self, value: Value, axis: int) -> None:
        """Say that an axis of a tensor is changed in a way that only one example bears."""
        if value.batched and value.batch == axis % max(len(value.shape), 1):
            self.any_batch = False

    def shape_of(self, node: Node, output: int = 0) -> Shape:
        """Shape of a node's output.

        Raises:
            UnknownShapeError: it cannot be found.
        """
        shape = self.graph.shape(node.outputs[output])
        if shape is None:
            msg = f"the size of the output of {node.where} is not known"
            raise UnknownShapeError(msg)
        return shape

    def unify(self, first: Value, axis: int, second: Value, other: int) -> None:
        """Say that an axis of one tensor is cut like an axis of another of the same size."""
        left, right = first.axes[axis], second.axes[other]
        if left is not None and right is not None:
            self.labels.unify(left, right)
        elif left is not None:
            self.labels.fix(left, f"tied to channels that stay: {second.why}")
        elif right is not None:
            self.labels.fix(right, f"tied to channels that stay: {first.why}")

    def fix_all(self, node: Node, reason: str) -> None:
        """Fix the channels of all inputs, and give the outputs no labels."""
        for name in filter(None, node.inputs):
            self.fix(self.value(name), reason)
        for output, name in enumerate(node.outputs):
            if name:
                self.put(
                    node, (None,) * len(self.shape_of(node, output)), output=output, why=reason
                )

    def fix(self, value: Value, reason: str, *, but: int | None = None) -> None:
        """Fix the channels on all axes of a tensor, or on all but one."""
        rank = len(value.axes)
        for axis, ids in enumerate(value.axes):
            if but is None or axis != but % rank:
                self.labels.fix(ids, reason)

    def follow(self, node: Node, position: int, numbers: tuple[int | Ids, ...]) -> None:
        """Replace an integer input of a node by one that is computed from the kept channels."""
        self.sizes[node.outputs[0], position] = Sizes(f"{node.outputs[0]}.{position}", numbers)

    def equate(self, node: Node, ids: Ids | None, count: Count | None, why: str = "") -> None:
        """Say that an axis is as long as a number that the code computes from another one.

        Args:
            node: where the code says so.
            ids: labels of the axis; None: it keeps its length.
            count: what the number counts; None: nothing that is known.
            why: the axis keeps its length.
        """
        if count is None:
            return
        if ids is None:
            self.labels.fix(count.ids, f"tied to channels that stay: {why or node.where}")
        else:
            reason = f"as many as other channels, which are cut otherwise: {node.where}"
            self.labels.equate(ids, count.ids, count.factor, reason)

    def numbers(self, node: Node) -> Numbers:
        """The whole numbers that the torch module of a node keeps, by attribute.

        Those that count what stays, such as a number of heads, are none of them.
        """
        module = module_of(node.module, self.graph.modules)
        kept = self.graph.numbers.get(module, {})
        return {name: one for name, one in kept.items() if (module, name) not in self.held}

    def hold(self, node: Node, sizes: Sequence[int]) -> None:
        """Say that a node's module spells sizes of axes that stay: the first of each value."""
        module = module_of(node.module, self.graph.modules)
        rest = list(self.numbers(node).items())
        for size in sizes:
            name = next((name for name, number in rest if number == size), None)
            if name is not None:
                self.held.add((module, name))
                rest.remove((name, size))

    def remember(self, node: Node, found: Mapping[str, tuple[Ids, ...]]) -> None:
        """Let attributes of a node's module follow the cut; what one of them counts is tied."""
        module = module_of(node.module, self.graph.modules)
        for own, numbers in found.items():
            name = f"{module}.{own}" if module else own
            known = self.attributes.setdefault(name, Attribute(name, numbers))
            for before, ids in zip(known.numbers, numbers, strict=True):
                self.labels.unify(before, ids)

    def repeated(self, name: str) -> Value:
        """A constant that the exporter made, such as the ones that a plain normalisation has."""
        constant = self.graph.constants.get(name)
        if name not in self.spread and constant is not None and name not in self.graph.unsaved:
            if constant.ndim == 1 and _repeats(constant, 0):
                self.spread[name] = (self.labels.fresh(constant.size),)
                self.values[name] = Value(constant.shape, self.spread[name], "a constant")
        return self.value(name)

    def weight(self, node: Node) -> Value:
        """The second input; a buffer of the node's module may stand there as a constant."""
        name = node.inputs[1]
        constant = self.graph.constants.get(name)
        if constant is not None and name not in self.graph.unsaved:
            module = module_of(node.module, self.graph.modules)
            for buffer in sorted(self.graph.unsaved):
                inside = buffer.rpartition(".")[0] == module
                if inside and np.array_equal(self.graph.constants[buffer], constant):
                    self.values[name] = self.value(buffer)
                    self.spread[name] = self.values[name].axes
        return self.value(name)

    def _leaf(self, name: str) -> Value:
        if name in self.graph.parameters:
            shape = self.graph.parameters[name]
            if name in self.graph.recurrent:
                return self._recurrent_leaf(name, shape)
            return Value(shape, self.labels.parameter(name, shape), parameter=name)
        shape = self.graph.shape(name) or ()
        constant = self.graph.constants.get(name)
        ints = None
        if constant is not None and np.issubdtype(constant.dtype, np.integer):
            ints = Integers.literal(constant)
        why = "a constant in the model's code"
        if name in self.graph.inputs:
            why = "the model's input"
        elif name in self.graph.unsaved and constant is not None:
            why = f"the buffer {name!r}, which no state dict holds"
            if any(_repeats(constant, axis) for axis in range(constant.ndim)):
                labels = self.labels.parameter(name, shape)
                self.spread[name] = tuple(
                    ids if _repeats(constant, axis) else None for axis, ids in enumerate(labels)
                )
                self.labels.parameters[name] = self.spread[name]
                return Value(shape, self.spread[name], why)
        batch = self.graph.batched.get(name)
        axes = (None,) * len(shape)
        return Value(shape, axes, why, ints, batched=batch is not None, batch=batch or 0)

    def _recurrent_leaf(self, name: str, shape: Shape) -> Value:
        """Weights of a recurrent module: each of its hidden units has a row in every gate.

        A module has one hidden size for all its layers and directions, so they are cut alike.
        """
        axes = self.labels.parameter(name, shape)
        module, _, own = name.rpartition(".")
        size = shape[0] // self.graph.recurrent[name]
        hidden = self.hidden.setdefault(module, self.labels.fresh(size))
        if axes[0] is not None:
            self.labels.unify(hidden[None], axes[0].reshape(-1, size))
        if own.startswith("weight_hh") and axes[1] is not None:
            self.labels.unify(hidden, axes[1])
        return Value(shape, axes, f"the hidden size behind {name!r}", parameter=name)


def _repeats(array: NDArray[Any], axis: int) -> bool:
    """Whether an array is the same at all positions of an axis."""
    first = array.take([0], axis)
    return array.shape[axis] > 1 and bool((array == first).all())


Rule: TypeAlias = Callable[[Flow, Node], None]
#: How channel labels pass through each ONNX operator; filled by the modules of `rules/`.
RULES: dict[str, Rule] = {}


def rule(*operators: str) -> Callable[[Rule], Rule]:
    """Register how labels pass through these operators."""

    def register(function: Rule) -> Rule:
        for operator in operators:
            RULES[operator] = function
        return function

    return register
