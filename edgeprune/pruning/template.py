"""The exported model without weights: filled with a candidate's, it becomes ONNX bytes."""

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, TypeAlias

import numpy as np
import onnx
import torch
from numpy.typing import NDArray

from edgeprune.errors import SpaceError, nearest
from edgeprune.pruning.branches import Branch
from edgeprune.pruning.costs import Lengths
from edgeprune.pruning.flow import Flow, NodeNumber, Sizes
from edgeprune.pruning.graph import Node, Shape
from edgeprune.pruning.plan import SlicedState
from edgeprune.pruning.remainder import remaining_nodes
from edgeprune.pruning.wire import (
    initializer_bytes,
    initializer_head,
    interface_bytes,
    model_bytes,
    node_bytes,
)

State: TypeAlias = Mapping[str, torch.Tensor | NDArray[Any]]
#: Kept units of every free group by widths.
UnitsOf: TypeAlias = Callable[[Mapping[str, int]], NDArray[np.float64]]

#: Sets of removed branches whose graphs are kept ready.
_REMAINDERS = 64


class Template:
    """Makes ONNX files by filling in weights that are already sliced.

    The files have the inputs and outputs of the model by their names (``input`` and ``output``
    where there is one of each; see `edgeprune.tensors`). The batch is free where the model
    allows it; sizes that the model computes from its channels are written in as numbers.
    Branches whose weights are not given are left out.

    Args:
        flow: the pass over the model's graph.
        lengths: linear forms over the kept units of the free groups.
        base: the unpruned model's weights and buffers.
        dynamic_batch: whether the files take any batch size, or only 1.
        branches: that may be left out.
        units: kept units of every free group by widths.
    """

    def __init__(
        self,
        flow: Flow,
        lengths: Lengths,
        base: Mapping[str, torch.Tensor],
        *,
        dynamic_batch: bool,
        branches: Sequence[Branch] = (),
        units: UnitsOf | None = None,
    ) -> None:
        self.dynamic_batch = dynamic_batch
        self._flow, self._lengths, self._base = flow, lengths, base
        self._units_of = units
        self._branches = [(one, next(iter(sorted(one.parameters)))) for one in branches]
        self._model = onnx.ModelProto()
        self._model.CopyFrom(flow.graph.proto)
        self._model.ClearField("graph")
        self._interface = interface_bytes(_interface(flow, dynamic_batch))
        self._remainders: dict[frozenset[str], _Remainder] = {}

    def candidate(self, state: State, widths: Mapping[str, int] | None = None) -> bytes:
        """An ONNX file with these weights.

        Args:
            state: weights and buffers by state-dict name, float32, all sliced by one plan, such
                as `ChannelSpace.slice_state` gives or the state dict of a pruned model.
            widths: kept channels, where they are known. Otherwise the shapes of the weights tell
                them; these can leave it open when all branches of a stage are gone.

        Returns:
            The file's bytes.

        Raises:
            SpaceError: a weight is missing, or the shapes belong to no plan of this model or, with
                no widths given, to several that make different files.
        """
        if widths is None and isinstance(state, SlicedState):
            widths = state.widths
        given = self._units_of(widths) if widths is not None and self._units_of else None
        return self._file(state, given)

    def units(self, state: State) -> NDArray[np.float64]:
        """Kept units of every free group, as the shapes of weights tell them.

        Args:
            state: weights by state-dict name; others may be among them.

        Raises:
            SpaceError: the shapes belong to no plan of this model, or leave it open.
        """
        remainder = self._remainder([one for one, probe in self._branches if probe not in state])
        return remainder.units({name: _shape(state, name) for name in remainder.names})

    @cached_property
    def base(self) -> bytes:
        """The unpruned model as an ONNX file."""
        return self._file(self._base, self._lengths.full)

    def _file(self, state: State, units: NDArray[np.float64] | None) -> bytes:
        gone = [branch for branch, probe in self._branches if probe not in state]
        remainder = self._remainder(gone)
        shapes = {name: _shape(state, name) for name in remainder.names}
        pieces = [*remainder.pieces(shapes, units), self._interface]
        types = [self._base[name][:0].numpy().dtype for name in remainder.names]
        heads = [
            initializer_head(name, shape, kind)
            for (name, shape), kind in zip(shapes.items(), types, strict=True)
        ]
        size = sum(
            math.prod(shape) * kind.itemsize
            for shape, kind in zip(shapes.values(), types, strict=True)
        )
        named = zip(remainder.names, types, strict=True)
        arrays = (_array(state, name, kind) for name, kind in named)
        return model_bytes(self._model, pieces, heads, arrays, size)

    def _remainder(self, gone: Sequence[Branch]) -> "_Remainder":
        key = frozenset(branch.total for branch in gone)
        if key not in self._remainders:
            if len(self._remainders) >= _REMAINDERS:
                self._remainders.pop(next(iter(self._remainders)))
            self._remainders[key] = _Remainder(self._flow, self._lengths, self._base, gone)
        return self._remainders[key]


class _Remainder:
    """The graph without some branches, ready to be filled.

    Args:
        flow: the pass over the model's graph.
        lengths: linear forms over the kept units of the free groups.
        base: the unpruned model's weights and buffers.
        gone: the branches.
    """

    def __init__(
        self,
        flow: Flow,
        lengths: Lengths,
        base: Mapping[str, torch.Tensor],
        gone: Sequence[Branch],
    ) -> None:
        nodes, used = remaining_nodes(flow, gone)
        self.names = [name for name in base if name in flow.graph.parameters and name in used]
        self._ranks = {name: len(flow.graph.parameters[name]) for name in self.names}
        self._nodes = _joined(nodes, flow.node_numbers, lengths)
        sizes = list(_sizes_used(flow, nodes))
        self._sizes = [(one.name, lengths.of(one.numbers)) for one in sizes]
        # Sorted: a set's order differs between processes, and equal models must be equal bytes.
        constants = [(name, _constant(flow, name)) for name in sorted(used - flow.spread.keys())]
        self._constants = b"".join(
            initializer_bytes(name, array) for name, array in constants if array is not None
        )
        spread = sorted(used & flow.spread.keys())
        self._spread = [
            (name, flow.graph.constants[name], axis, lengths.of([ids]))
            for name in spread
            for axis, ids in enumerate(flow.spread[name])
            if ids is not None
        ]
        self._read_lengths(flow, lengths)

    def pieces(self, shapes: Mapping[str, Shape], units: NDArray[np.float64] | None) -> list[bytes]:
        """The graph's nodes and constants.

        Args:
            shapes: of the weights, by name.
            units: kept units of every free group; None: as the shapes say.
        """
        units = self._checked(shapes, units)
        pieces = [one if isinstance(one, bytes) else one.piece(units) for one in self._nodes]
        pieces.append(self._constants)
        cut: dict[str, NDArray[Any]] = {}
        for name, array, axis, (base, slope) in self._spread:
            kept = range(round((base + slope @ units).item()))
            cut[name] = cut.get(name, array).take(kept, axis)
        pieces += [initializer_bytes(name, array) for name, array in cut.items()]
        for name, (base, slope) in self._sizes:
            values = np.rint(base + slope @ units).astype(np.int64)
            pieces.append(initializer_bytes(name, values))
        return pieces

    def units(self, shapes: Mapping[str, Shape]) -> NDArray[np.float64]:
        """Kept units of every free group by the weights' shapes."""
        return self._checked(shapes, None)

    def _read_lengths(self, flow: Flow, lengths: Lengths) -> None:
        """Prepare to tell from the shapes of weights how many units were kept."""
        self._axes = []
        labels = []
        for name in self.names:
            for axis, ids in enumerate(flow.labels.parameters.get(name, ())):
                if ids is not None:
                    self._axes.append((name, axis))
                    labels.append(ids)
        self._lengths, self._slopes = lengths.of(labels)
        # Least squares by the normal equations: their solutions are whole numbers, and checked.
        square = self._slopes.T @ self._slopes
        self._solve = np.linalg.pinv(square, hermitian=True) @ self._slopes.T
        # Groups that stand side by side on every axis: only their sum shows in the shapes.
        open_units = np.eye(len(square)) - self._solve @ self._slopes
        slopes = [slope for _, (_, slope) in self._sizes]
        self._needs_widths = bool(slopes) and bool(
            (np.abs(np.concatenate(slopes) @ open_units) > 1e-6).any()
        )

    def _checked(
        self, shapes: Mapping[str, Shape], units: NDArray[np.float64] | None
    ) -> NDArray[np.float64]:
        for name, shape in shapes.items():
            if len(shape) != self._ranks[name]:
                msg = f"{name!r} has shape {shape}; allowed: {self._ranks[name]} axes"
                raise SpaceError(msg)
        found = np.array([shapes[name][axis] for name, axis in self._axes], np.float64)
        if units is None and self._needs_widths:
            msg = "the shapes of the weights leave the widths open; allowed: with widths=..."
            raise SpaceError(msg)
        if units is None:
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


def _constant(flow: Flow, name: str) -> NDArray[Any] | None:
    """The numbers of a leaf that is no parameter."""
    if name in flow.graph.constants:
        return flow.graph.constants[name]
    ints = flow.value(name).ints
    return None if ints is None else ints.values


def _sizes_used(flow: Flow, nodes: Sequence[Node]) -> list[Sizes]:
    outputs = {node.outputs[0] for node in nodes}
    return [sizes for (output, _), sizes in flow.sizes.items() if output in outputs]


@dataclass(frozen=True, eq=False)
class _Renumbered:
    """A node with an attribute that counts what is left."""

    node: Node
    attribute: str
    per: int
    base: NDArray[np.float64]
    slope: NDArray[np.float64]

    def piece(self, units: NDArray[np.float64]) -> bytes:
        counted = round((self.base + self.slope @ units).item())
        proto = onnx.NodeProto()
        proto.CopyFrom(self.node.proto)
        for attribute in proto.attribute:
            if attribute.name == self.attribute:
                attribute.i = counted // self.per
        return node_bytes(proto)


def _joined(
    nodes: Sequence[Node], numbers: Sequence[NodeNumber], lengths: Lengths
) -> list[bytes | _Renumbered]:
    """Nodes as bytes; those that change stand between them."""
    changing = {one.node.outputs[0]: one for one in numbers}
    joined: list[bytes | _Renumbered] = []
    run: list[bytes] = []
    for node in nodes:
        one = changing.get(node.outputs[0])
        if one is None:
            run.append(node_bytes(node.proto))
            continue
        count = lengths.of([one.counted])
        joined += [b"".join(run), _Renumbered(node, one.name, one.per, *count)]
        run = []
    return [*joined, b"".join(run)]


def _interface(flow: Flow, dynamic_batch: bool) -> onnx.GraphProto:
    """The graph with nothing but its name, inputs and outputs."""
    graph = flow.graph.proto.graph
    interface = onnx.GraphProto(name="edgeprune")
    interface.input.extend(one for one in graph.input if one.name in flow.graph.inputs)
    interface.output.extend(graph.output)
    for output in interface.output:
        output.type.tensor_type.ClearField("shape")
        output.type.tensor_type.shape.SetInParent()  # a shape without axes is one, too
        for size in flow.value(output.name).shape:
            output.type.tensor_type.shape.dim.add(dim_value=size)
    if dynamic_batch:
        for value in (*interface.input, *interface.output):
            known = flow.value(value.name)
            if known.batched:
                value.type.tensor_type.shape.dim[known.batch].dim_param = "batch"
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
