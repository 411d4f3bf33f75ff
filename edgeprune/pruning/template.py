"""The exported model without weights: filled with a candidate's, it becomes ONNX bytes."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import replace
from functools import cached_property
from typing import Any, TypeAlias

import numpy as np
import onnx
import torch
from numpy.typing import NDArray

from edgeprune.errors import SpaceError, nearest
from edgeprune.pruning.costs import Lengths
from edgeprune.pruning.flow import Flow, GroupedConv, Sizes
from edgeprune.pruning.graph import Node, Shape
from edgeprune.pruning.integers import Source
from edgeprune.pruning.plan import SlicedState
from edgeprune.pruning.wire import (
    initializer_bytes,
    initializer_head,
    interface_bytes,
    model_bytes,
    node_bytes,
)

State: TypeAlias = Mapping[str, torch.Tensor | NDArray[Any]]


class Template:
    """Makes ONNX files by filling in weights that are already sliced.

    The files have one float32 input ``input`` (batch, channels, height, width) and one output
    ``output`` (batch, classes). The batch is free where the model allows it; sizes that the
    model computes from its channels are written in as numbers.

    Args:
        flow: the pass over the model's graph.
        lengths: linear forms over the kept units of the free groups.
        base: the unpruned model's weights and buffers.
        dynamic_batch: whether the files take any batch size, or only 1.
    """

    def __init__(
        self, flow: Flow, lengths: Lengths, base: Mapping[str, torch.Tensor], *, dynamic_batch: bool
    ) -> None:
        self.dynamic_batch = dynamic_batch
        self._base = base
        nodes, used = _needed(flow)
        self._nodes = _joined(nodes, flow.grouped)
        self._sizes = list(_sizes_used(flow, nodes))
        self._names = [name for name in base if name in flow.graph.parameters and name in used]
        self._model = onnx.ModelProto()
        self._model.CopyFrom(flow.graph.proto)
        self._interface = interface_bytes(_interface(flow, dynamic_batch))
        self._model.ClearField("graph")
        # Sorted: a set's order differs between processes, and equal models must be equal bytes.
        constants = [(name, _constant(flow, name)) for name in sorted(used)]
        self._constants = b"".join(
            initializer_bytes(name, array) for name, array in constants if array is not None
        )
        self._read_lengths(flow, lengths)

    def candidate(self, state: State) -> bytes:
        """An ONNX file with these weights.

        Args:
            state: weights and buffers by state-dict name, float32, all sliced by one plan, such
                as `ChannelSpace.slice_state` gives or the state dict of a pruned model.

        Returns:
            The file's bytes.

        Raises:
            SpaceError: a weight is missing, or the shapes belong to no plan of this model.
        """
        shapes = {name: _shape(state, name) for name in self._names}
        units = self._units(shapes)
        pieces = [one if isinstance(one, bytes) else _regrouped(one, shapes) for one in self._nodes]
        pieces += [self._interface, self._constants]
        for sizes, (base, slope) in zip(self._sizes, self._size_forms, strict=True):
            values = np.rint(base + slope @ units).astype(np.int64)
            pieces.append(initializer_bytes(sizes.name, values))
        types = [self._types[name] for name in self._names]
        heads = [
            initializer_head(name, shape, kind)
            for (name, shape), kind in zip(shapes.items(), types, strict=True)
        ]
        size = sum(
            math.prod(shape) * kind.itemsize
            for shape, kind in zip(shapes.values(), types, strict=True)
        )
        arrays = (_array(state, name, kind) for name, kind in zip(self._names, types, strict=True))
        return model_bytes(self._model, pieces, heads, arrays, size)

    @cached_property
    def base(self) -> bytes:
        """The unpruned model as an ONNX file."""
        return self.candidate(self._base)

    def _read_lengths(self, flow: Flow, lengths: Lengths) -> None:
        """Prepare to tell from the shapes of weights how many units were kept."""
        self._axes = []
        labels = []
        for name in self._names:
            for axis, ids in enumerate(flow.labels.parameters.get(name, ())):
                if ids is not None:
                    self._axes.append((name, axis))
                    labels.append(ids)
        self._lengths, self._slopes = lengths.of(labels)
        # Least squares by the normal equations: their solutions are whole numbers, and checked.
        square = self._slopes.T @ self._slopes
        self._solve = np.linalg.pinv(square, hermitian=True) @ self._slopes.T
        self._types = {name: self._base[name][:0].numpy().dtype for name in self._names}
        self._ranks = {name: len(flow.graph.parameters[name]) for name in self._names}
        self._size_forms = [lengths.of(sizes.numbers) for sizes in self._sizes]

    def _units(self, shapes: Mapping[str, Shape]) -> NDArray[np.float64]:
        for name, shape in shapes.items():
            if len(shape) != self._ranks[name]:
                msg = f"{name!r} has shape {shape}; allowed: {self._ranks[name]} axes"
                raise SpaceError(msg)
        found = np.array([shapes[name][axis] for name, axis in self._axes], np.float64)
        units = np.rint(self._solve @ (found - self._lengths))
        wrong = np.flatnonzero(self._lengths + self._slopes @ units != found)
        if wrong.size:
            name, axis = self._axes[int(wrong[0])]
            msg = (
                f"the weights belong to no plan of this model: {name!r} has shape "
                f"{shapes[name]}, and its axis {axis} does not fit the other weights"
            )
            raise SpaceError(msg)
        return units


def _needed(flow: Flow) -> tuple[list[Node], set[str]]:
    """The nodes the output depends on, in order, and the names of the leaves they read.

    Sizes that are written in as numbers need no nodes.
    """
    wanted = set(flow.graph.outputs)
    nodes: list[Node] = []
    for node in reversed(flow.graph.nodes):
        if wanted.isdisjoint(node.outputs) or _literal(flow, node.outputs[0]):
            continue
        renamed = list(node.inputs)
        for position, name in enumerate(node.inputs):
            sizes = flow.sizes.get((node.outputs[0], position))
            if sizes is not None:
                renamed[position] = sizes.name
            elif name:
                wanted.add(name)
        if renamed != list(node.inputs):
            proto = onnx.NodeProto()
            proto.CopyFrom(node.proto)
            proto.input[:] = renamed
            node = replace(node, proto=proto)
        nodes.append(node)
    made = {name for node in nodes for name in node.outputs}
    return nodes[::-1], wanted - made - {flow.graph.input}


def _literal(flow: Flow, name: str) -> bool:
    """Whether a tensor holds numbers that never change."""
    ints = flow.value(name).ints
    return ints is not None and int(ints.sources.max(initial=0)) == Source.LITERAL


def _constant(flow: Flow, name: str) -> NDArray[Any] | None:
    """The numbers of a leaf that is no parameter."""
    if name in flow.graph.constants:
        return flow.graph.constants[name]
    ints = flow.value(name).ints
    return None if ints is None else ints.values


def _sizes_used(flow: Flow, nodes: Sequence[Node]) -> list[Sizes]:
    outputs = {node.outputs[0] for node in nodes}
    return [sizes for (output, _), sizes in flow.sizes.items() if output in outputs]


def _joined(nodes: Sequence[Node], grouped: Sequence[GroupedConv]) -> list[bytes | GroupedConv]:
    """Nodes as bytes; grouped convolutions, which change, stand between them."""
    changing = {one.node.outputs[0]: one for one in grouped}
    joined: list[bytes | GroupedConv] = []
    run: list[bytes] = []
    for node in nodes:
        one = changing.get(node.outputs[0])
        if one is None:
            run.append(node_bytes(node.proto))
            continue
        joined += [b"".join(run), one]
        run = []
    return [*joined, b"".join(run)]


def _regrouped(grouped: GroupedConv, shapes: Mapping[str, Shape]) -> bytes:
    proto = onnx.NodeProto()
    proto.CopyFrom(grouped.node.proto)
    for attribute in proto.attribute:
        if attribute.name == "group":
            attribute.i = shapes[grouped.weight][0] // grouped.outputs_per_group
    return node_bytes(proto)


def _interface(flow: Flow, dynamic_batch: bool) -> onnx.GraphProto:
    """The graph with nothing but its name, input and output."""
    graph = flow.graph.proto.graph
    interface = onnx.GraphProto(name="edgeprune")
    interface.input.append(graph.input[0])
    interface.output.append(graph.output[0])
    shape = flow.graph.shape(graph.output[0].name) or ()
    output = interface.output[0].type.tensor_type
    output.ClearField("shape")
    for size in shape:
        output.shape.dim.add(dim_value=size)
    if dynamic_batch:
        for value in (*interface.input, *interface.output):
            value.type.tensor_type.shape.dim[0].dim_param = "batch"
    return interface


def _shape(state: State, name: str) -> Shape:
    if name not in state:
        msg = f"the state has no {name!r}{nearest(name, state)}"
        raise SpaceError(msg)
    return state.shape(name) if isinstance(state, SlicedState) else tuple(state[name].shape)


def _array(state: State, name: str, kind: np.dtype[Any]) -> NDArray[Any]:
    value = state[name]
    array = value.detach().cpu().numpy() if isinstance(value, torch.Tensor) else value
    if array.dtype != kind:
        msg = f"{name!r} is {array.dtype}; allowed: {kind}"
        raise SpaceError(msg)
    return array
