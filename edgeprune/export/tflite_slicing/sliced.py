"""A candidate's TFLite file while it is put together from the converted one."""

import copy
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from edgeprune.devices.tflite_file import code_index, dtype_of, dump_tflite, kept_tensors
from edgeprune.errors import SlicingError
from edgeprune.export.tflite_slicing.matching import Recipe
from edgeprune.export.tflite_slicing.numbers import Network
from edgeprune.export.tflite_slicing.pads import channel_pads
from edgeprune.export.tflite_slicing.removal import Read, Removal, removed
from edgeprune.export.tflite_slicing.shapes import CutOperator, Shape

#: The schema's words for fused activations, by number.
_ACTIVATIONS = ("NONE", "RELU", "RELU_N1_TO_1", "RELU6", "TANH", "SIGN_BIT")


@dataclass(frozen=True)
class Operator:
    """An operator of the converted file.

    Attributes:
        kind: ``CONV_2D``.
        layer: its name.
        object: of the schema.
        read: the tensors it reads that are computed.
        zeros: position of a bias that is zero, and so has no source in the network.
        pad: output of the network's node that adds the same channels.
        pads: channels that it adds before and after, uncut.
    """

    kind: str
    layer: str
    object: Any
    read: tuple[int, ...]
    zeros: int | None = None
    pad: str | None = None
    pads: tuple[int, int] | None = None


class Sliced:
    """A candidate's file while it is put together; see `TfliteSlicer`.

    Args:
        model: the converted file; left as it is.
        operators: its operators.
        recipes: how constants are made of a candidate, by tensor.
        constants: values of all its constants, by tensor.
    """

    def __init__(
        self,
        model: Any,
        operators: Sequence[Operator],
        recipes: Mapping[int, Recipe],
        constants: Mapping[int, NDArray[Any]],
    ) -> None:
        self._operators, self._recipes, self._constants = operators, recipes, constants
        self._model = copy.copy(model)
        self._model.operatorCodes = list(model.operatorCodes)
        graph = self._graph = copy.copy(model.subgraphs[0])
        self._model.subgraphs = [graph, *model.subgraphs[1:]]
        graph.tensors = list(graph.tensors)
        self._buffers = list(model.buffers)
        self._before = [_shape_of(tensor) for tensor in graph.tensors]
        self._shapes = list(self._before)

    def file(self, network: Network) -> bytes:
        """The file of a candidate; to be asked for once.

        Raises:
            SlicingError: it is cut in a way that is not known.
        """
        missing = self._fill(network)
        removal = self._removal(missing)
        pads = channel_pads(network)
        graph = self._graph
        made: list[Any] = []
        for number, one in enumerate(self._operators):
            if number in removal.activations:
                made.append(self._activation(one, removal.activations[number]))
            elif number not in removal.gone:
                made.append(self._cut(one, removal, pads))
        outputs = [removal.tensor(int(index)) for index in graph.outputs]
        graph.operators = _needed(made, outputs)
        self._renumber(outputs)
        return dump_tflite(self._model)

    def _fill(self, network: Network) -> set[int]:
        """Give the constants their values; the tensors that a candidate has not."""
        missing = set()
        for index, recipe in self._recipes.items():
            if not recipe.numbers.present(network.arrays):
                missing.add(index)
                continue
            try:
                values = recipe.of(network.arrays)
            except ValueError as error:
                msg = f"constant {self._graph.tensors[index].name!r}: {error}"
                raise SlicingError(msg) from error
            self._put(index, values.astype(self._constants[index].dtype, copy=False))
        return missing

    def _put(self, index: int, values: NDArray[Any]) -> None:
        """Give a tensor values of its own."""
        buffer = copy.copy(self._buffers[0])
        buffer.data, buffer.offset, buffer.size = values, 0, 0
        tensor = self._graph.tensors[index] = copy.copy(self._graph.tensors[index])
        tensor.buffer = len(self._buffers)
        self._buffers.append(buffer)
        self._resize(index, values.shape)

    def _add(self, like: int, values: NDArray[Any]) -> int:
        """A new constant of the kind of another."""
        index = len(self._graph.tensors)
        tensor = copy.copy(self._graph.tensors[like])
        tensor.name = b"%s/cut%d" % (tensor.name, index)
        self._graph.tensors.append(tensor)
        self._before.append(self._before[like])
        self._shapes.append(self._shapes[like])
        kind = dtype_of(tensor.type)
        self._put(index, np.ascontiguousarray(values, kind))
        return index

    def _resize(self, index: int, shape: Shape) -> None:
        self._shapes[index] = tuple(int(one) for one in shape)
        tensor = self._graph.tensors[index]
        if self._shapes[index] == self._before[index]:
            return
        tensor = self._graph.tensors[index] = copy.copy(tensor)
        tensor.shape = np.array(self._shapes[index], np.int32)
        if tensor.shapeSignature is not None:
            kept = zip(tensor.shapeSignature, tensor.shape, strict=True)
            tensor.shapeSignature = np.array(
                [-1 if old < 0 else new for old, new in kept], np.int32
            )

    def _removal(self, missing: set[int]) -> Removal:
        without = {}
        for number, operator in enumerate(self._operators):
            without[number] = not missing.isdisjoint(int(one) for one in operator.object.inputs)
            if without[number] and not operator.read:  # what widens a constant
                missing.update(int(one) for one in operator.object.outputs)
        if not any(without.values()):
            return Removal()
        reads = [
            Read(
                *(one.kind, one.layer, one.read, int(one.object.outputs[0])),
                _activation_of(one.object.builtinOptions),
            )
            for one in self._operators
        ]
        return removed(reads, without)

    def _cut(self, one: Operator, removal: Removal, pads: Mapping[str, tuple[int, int]]) -> Any:
        """An operator as the candidate has it; the shapes of its outputs are set."""
        inputs = [removal.tensor(int(index)) for index in one.object.inputs]
        outputs = [int(index) for index in one.object.outputs]
        old = [self._before[int(index)] if index >= 0 else () for index in one.object.inputs]
        now = [self._shapes[index] if index >= 0 else () for index in inputs]
        operator = copy.copy(one.object)
        operator.inputs = np.array(inputs, np.int32)
        pad = pads.get(one.pad) if one.pad else None
        if old == now and pad == one.pads:
            return operator
        if len(outputs) != 1:
            msg = f"operator {one.kind} of {one.layer!r}: it is not known how it is cut"
            raise SlicingError(msg)
        cut = CutOperator(
            *(one.kind, one.layer, operator.builtinOptions, old, now),
            outputs=[self._before[index] for index in outputs],
            numbers={
                position: self._constants[index]
                for position, index in enumerate(int(index) for index in one.object.inputs)
                if index in self._constants and self._constants[index].dtype.kind == "i"
            },
            pads=pad,
        )
        for index, shape in zip(outputs, cut.output_shapes(), strict=True):
            self._resize(index, shape)
        for position, values in cut.changed.items():
            if position < len(inputs):
                operator.inputs[position] = self._add(inputs[position], values)
        if one.kind == "RESHAPE" and operator.builtinOptions is not None:
            operator.builtinOptions = copy.copy(operator.builtinOptions)
            operator.builtinOptions.newShape = np.array(self._shapes[outputs[0]], np.int32)
        if one.zeros is not None:
            channels = now[1][3] if one.kind == "DEPTHWISE_CONV_2D" else now[1][0]
            if self._shapes[inputs[one.zeros]] != (channels,):
                zeros = np.zeros(channels, np.float32)
                operator.inputs[one.zeros] = self._add(inputs[one.zeros], zeros)
        return operator

    def _activation(self, one: Operator, given: int) -> Any:
        """What is left of a sum whose branch is gone."""
        operator = copy.copy(one.object)
        kind = _activation_of(one.object.builtinOptions)
        operator.opcodeIndex = code_index(self._model, kind)
        operator.inputs = np.array([given], np.int32)
        operator.builtinOptions, operator.builtinOptionsType = None, 0
        self._resize(int(one.object.outputs[0]), self._shapes[given])
        return operator

    def _renumber(self, outputs: list[int]) -> None:
        """Leave out what no operator needs any more."""
        graph = self._graph
        kept = kept_tensors(graph.operators, graph.inputs, outputs)
        place = {index: number for number, index in enumerate(kept)} | {-1: -1}
        for operator in graph.operators:
            operator.inputs = np.array([place[int(one)] for one in operator.inputs], np.int32)
            operator.outputs = np.array([place[int(one)] for one in operator.outputs], np.int32)
        renamed = dict(zip((int(one) for one in graph.outputs), outputs, strict=True))
        graph.inputs = np.array([place[int(one)] for one in graph.inputs], np.int32)
        graph.outputs = np.array([place[one] for one in outputs], np.int32)
        signatures = []
        for signature in self._model.signatureDefs or []:
            signature = copy.copy(signature)
            signature.inputs = [_at(one, place) for one in signature.inputs]
            signature.outputs = [_at(one, place, renamed) for one in signature.outputs]
            signatures.append(signature)
        self._model.signatureDefs = signatures
        tensors = [copy.copy(graph.tensors[index]) for index in kept]
        # Buffers that only other tensors had go; those that metadata name keep their numbers.
        used = {tensor.buffer for tensor in tensors} | {0}
        used |= {entry.buffer for entry in self._model.metadata or []}
        for other in self._model.subgraphs[1:]:
            used |= {tensor.buffer for tensor in other.tensors}
        order = {buffer: number for number, buffer in enumerate(sorted(used))}
        for tensor in tensors:
            tensor.buffer = order[tensor.buffer]
        graph.tensors = tensors
        self._model.metadata = [_in_buffer(one, order) for one in self._model.metadata or []]
        self._model.buffers = [self._buffers[buffer] for buffer in sorted(used)]


def _shape_of(tensor: Any) -> Shape:
    return () if tensor.shape is None else tuple(int(one) for one in tensor.shape)


def _activation_of(options: Any) -> str:
    return _ACTIVATIONS[getattr(options, "fusedActivationFunction", 0)]


def _needed(operators: list[Any], outputs: list[int]) -> list[Any]:
    """The operators that the outputs depend on, in order."""
    wanted, found = set(outputs), []
    for operator in reversed(operators):
        if wanted.isdisjoint(int(one) for one in operator.outputs):
            continue
        found.append(operator)
        wanted.update(int(one) for one in operator.inputs)
    return found[::-1]


def _at(entry: Any, place: Mapping[int, int], renamed: Mapping[int, int] | None = None) -> Any:
    """A tensor's entry in a signature, at its new number."""
    entry = copy.copy(entry)
    index = int(entry.tensorIndex)
    entry.tensorIndex = place[(renamed or {}).get(index, index)]
    return entry


def _in_buffer(entry: Any, order: Mapping[int, int]) -> Any:
    entry = copy.copy(entry)
    entry.buffer = order[entry.buffer]
    return entry
