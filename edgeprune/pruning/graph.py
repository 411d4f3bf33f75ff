"""The exported graph as plain Python objects, with the shape of every tensor."""

import re
from collections.abc import Container, Iterable, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any, TypeAlias

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import helper, numpy_helper, shape_inference

from edgeprune.pruning.attributes import Numbers

Shape: TypeAlias = tuple[int, ...]
_NUMBERED = re.compile(r"(.+)_\d+")


@dataclass(frozen=True, eq=False)
class Node:
    """One ONNX operation.

    Attributes:
        op: operator name, e.g. ``Conv``.
        inputs: names of tensors; ``""`` where an optional one is left out.
        outputs: names of tensors.
        attributes: attribute values; tensors as arrays.
        module: dotted name of the torch module it comes from; ``""`` for the model itself.
        proto: the node as exported.
    """

    op: str
    inputs: tuple[str, ...]
    outputs: tuple[str, ...]
    attributes: dict[str, Any]
    module: str
    proto: onnx.NodeProto

    @property
    def where(self) -> str:
        """For messages: the operation and its module."""
        return f"{self.op} in {self.module!r}" if self.module else f"{self.op} of the model"

    def has_input(self, index: int) -> bool:
        """Whether an optional input is given."""
        return index < len(self.inputs) and bool(self.inputs[index])


class Graph:
    """A model's graph: its operations, parameters, constants and tensor shapes.

    Args:
        model: as exported, with parameters among the graph's inputs under their torch names.
        parameters: names in the torch model's state dict.
        unsaved: values of buffers that no state dict holds, by name.
        numbers: whole numbers that the torch modules keep, by module and attribute.
        inputs: names of what the model is given.
        batched: of those inputs that hold a batch, on which axis it is.
        recurrent: parameters of torch's LSTM, GRU and RNN, with the number of their gates.
    """

    def __init__(
        self,
        model: onnx.ModelProto,
        parameters: Iterable[str],
        unsaved: Mapping[str, NDArray[Any]],
        numbers: Mapping[str, Numbers] | None = None,
        *,
        inputs: Iterable[str] = ("input",),
        batched: Mapping[str, int] | None = None,
        recurrent: Mapping[str, int] | None = None,
    ) -> None:
        names = set(parameters)
        self.proto = model
        self.nodes: list[Node] = []
        self.constants: dict[str, NDArray[Any]] = {
            tensor.name: numpy_helper.to_array(tensor) for tensor in model.graph.initializer
        }
        self.constants.update(unsaved)
        self.unsaved = frozenset(unsaved)
        self.numbers = numbers or {}
        #: Names of the torch modules that keep something.
        self.modules = frozenset(self.numbers) | {
            one.rpartition(".")[0] for one in names | unsaved.keys()
        }
        given = set(inputs)
        self.inputs = tuple(one.name for one in model.graph.input if one.name in given)
        self.batched = dict(batched or {})
        self.recurrent = dict(recurrent or {})
        self.outputs: tuple[str, ...] = tuple(output.name for output in model.graph.output)
        self._kinds: dict[str, int] = {}
        self._shapes: dict[str, Shape] = {}
        inferred = shape_inference.infer_shapes(model, data_prop=True).graph
        for value in (*inferred.input, *inferred.value_info, *inferred.output):
            self._learn(value.name, value.type)
        merged = {}
        for proto in model.graph.node:
            # The exporter merges parameters of equal value; the Identity keeps the torch name.
            if proto.op_type == "Identity" and proto.output[0] in names:
                merged[proto.output[0]] = proto.input[0]
            elif proto.op_type == "Constant" and proto.attribute[0].name == "value":
                self.constants[proto.output[0]] = numpy_helper.to_array(proto.attribute[0].t)
            elif proto.op_type == "Concat" and all(one in self.constants for one in proto.input):
                # The exporter spells scales out as [1, 1] beside the model's own.
                parts = [self.constants[one] for one in proto.input]
                self.constants[proto.output[0]] = np.concatenate(parts, proto.attribute[0].i)
            else:
                self.nodes.append(_node(proto))
        inputs = {value.name for value in model.graph.input} | merged.keys()
        #: Shapes of the parameters the graph uses, by state-dict name.
        self.parameters: dict[str, Shape] = {
            name: self._shapes[name] for name in names if name in inputs
        }

    def shape(self, name: str) -> Shape | None:
        """Shape of a tensor, or None while it is not known."""
        if name in self.constants:
            return self.constants[name].shape
        return self._shapes.get(name)

    def infer(self, node: Node, integers: dict[str, NDArray[np.int64]]) -> None:
        """Find the shapes of one node's outputs from its inputs.

        The inference over the whole graph stops where a size is computed from other sizes; node
        by node it gets past, given the computed integers.

        Args:
            node: its input shapes are known.
            integers: values of integer tensors that are known.
        """
        types, data = {}, {}
        for name in filter(None, node.inputs):
            shape = self.shape(name)
            if shape is None:
                return
            kind = self._kinds.get(name, onnx.TensorProto.FLOAT)
            known = integers.get(name, self.constants.get(name))
            if known is not None:
                data[name] = numpy_helper.from_array(known, name)
                kind = data[name].data_type
            types[name] = helper.make_tensor_type_proto(kind, shape)
        if node.op == "adaptive_avg_pool2d":
            self._shapes[node.outputs[0]] = (
                *self._shapes[node.inputs[0]][:2],
                *map(int, integers[node.inputs[1]]),
            )
            return
        schema = onnx.defs.get_schema(node.op, self._opset, node.proto.domain)
        try:
            inferred = shape_inference.infer_node_outputs(
                schema, node.proto, types, data, opset_imports=list(self.proto.opset_import)
            )
        except (onnx.checker.ValidationError, shape_inference.InferenceError):
            return
        for name, found in inferred.items():
            self._learn(name, found)

    def _learn(self, name: str, value: onnx.TypeProto) -> None:
        if value.tensor_type.elem_type:
            self._kinds[name] = value.tensor_type.elem_type
        shape = _static(value)
        if shape is not None:
            self._shapes[name] = shape

    @cached_property
    def readers(self) -> dict[str, list[int]]:
        """Numbers of the nodes that read each tensor."""
        found: dict[str, list[int]] = {}
        for number, node in enumerate(self.nodes):
            for name in dict.fromkeys(filter(None, node.inputs)):
                found.setdefault(name, []).append(number)
        return found

    @cached_property
    def makers(self) -> dict[str, int]:
        """Number of the node that makes each tensor."""
        return {name: at for at, node in enumerate(self.nodes) for name in node.outputs}

    @cached_property
    def _opset(self) -> int:
        return max(int(entry.version) for entry in self.proto.opset_import if not entry.domain)


def module_of(scope: str, modules: Container[str]) -> str:
    """The torch module that a node's scope names.

    A module that runs more than once has scopes with numbers: ``relu``, ``relu_1``.
    """
    numbered = _NUMBERED.fullmatch(scope)
    return numbered[1] if scope not in modules and numbered else scope


def _static(value: onnx.TypeProto) -> Shape | None:
    if not value.HasField("tensor_type") or not value.tensor_type.HasField("shape"):
        return None
    dims = value.tensor_type.shape.dim
    if not all(dim.HasField("dim_value") for dim in dims):
        return None
    return tuple(dim.dim_value for dim in dims)


def _node(proto: onnx.NodeProto) -> Node:
    attributes = {}
    for attribute in proto.attribute:
        value = helper.get_attribute_value(attribute)
        if isinstance(value, onnx.TensorProto):
            value = numpy_helper.to_array(value)
        attributes[attribute.name] = value
    # Node names are paths of scopes, "/features/features.0/conv/conv.1/Conv": a module inside a
    # container repeats the container's name.
    parts: list[str] = []
    for scope in proto.name.split("/")[1:-1]:
        if parts and scope.startswith(parts[-1] + "."):
            parts.pop()
        parts.append(scope)
    return Node(
        proto.op_type, tuple(proto.input), tuple(proto.output), attributes, ".".join(parts), proto
    )
