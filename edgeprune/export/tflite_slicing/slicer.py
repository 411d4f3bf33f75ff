"""A converted TFLite file that is cut as the network is: candidates without a conversion."""

from collections import Counter
from collections.abc import Mapping
from typing import Any

from edgeprune.devices.tflite_file import constant_of, load_tflite, operator_kind
from edgeprune.errors import SlicingError
from edgeprune.export.tflite_slicing.matching import Matcher, Recipe
from edgeprune.export.tflite_slicing.numbers import Network, possible_numbers
from edgeprune.export.tflite_slicing.pads import paired_pads
from edgeprune.export.tflite_slicing.sliced import Operator, Sliced
from edgeprune.quantization.tflite_graph import WEIGHTED, read_tflite

#: Where operators with weights have their bias.
_BIAS = {"CONV_2D": 2, "DEPTHWISE_CONV_2D": 2, "FULLY_CONNECTED": 2, "TRANSPOSE_CONV": 3}


class TfliteSlicer:
    """Makes a candidate's TFLite file of its ONNX file, by what a converter once did.

    Args:
        network: ONNX file of the uncut network with random weights.
        converted: TFLite file that a converter made of the same, float32 or with float16 weights.

    Raises:
        SlicingError: a constant of the file is nothing of the network; the message names the
            operator.
        VerificationError: `converted` is no TFLite file.
    """

    def __init__(self, network: bytes, converted: bytes) -> None:
        self._model = load_tflite(converted)
        self._graph = self._model.subgraphs[0]
        self._tensors = self._graph.tensors
        self._constants = {
            index: values
            for index, tensor in enumerate(self._tensors)
            if (values := constant_of(self._model, tensor)) is not None
        }
        #: Tensors that no image changes: constants, and what widens them.
        self._fixed = set(self._constants)
        for one in self._graph.operators:
            if self._fixed.issuperset(int(index) for index in one.inputs if index >= 0):
                self._fixed.update(int(index) for index in one.outputs)
        source = Network.read(network)
        layers = [one.layer for one in read_tflite(converted).operators]
        kinds = [operator_kind(self._model, one) for one in self._graph.operators]
        padded = self._padded(kinds)
        pads = paired_pads(source, padded)
        self._operators = [
            self._operator(kind, layer, one, pads.get(number), padded.get(number))
            for number, (kind, layer, one) in enumerate(
                zip(kinds, layers, self._graph.operators, strict=True)
            )
        ]
        self._matcher = Matcher(possible_numbers(source), source.arrays)
        self._recipes: dict[int, Recipe] = {}
        for one in self._operators:
            self._learn(one)
        #: Nodes of the ONNX file, of layers with weights, by the tensors that those write.
        self.nodes = self._layers()

    def slice(self, candidate: bytes) -> bytes:
        """The TFLite file of a candidate.

        Args:
            candidate: its ONNX file, written by the same template as the network's.

        Raises:
            SlicingError: it is cut in a way that is not known; the message names the operator.
        """
        return Sliced(self._model, self._operators, self._recipes, self._constants).file(
            Network.read(candidate)
        )

    def _operator(
        self, kind: str, layer: str, one: Any, pad: str | None, pads: tuple[int, int] | None
    ) -> Operator:
        inputs = [int(index) for index in one.inputs]
        zeros = _BIAS.get(kind)
        if zeros is not None and (
            zeros >= len(inputs)
            or inputs[zeros] not in self._constants
            or self._constants[inputs[zeros]].any()
        ):
            zeros = None
        read = tuple(index for index in inputs if index >= 0 and index not in self._fixed)
        return Operator(kind, layer, one, read, zeros, pad, pads)

    def _padded(self, kinds: list[str]) -> dict[int, tuple[int, int]]:
        found = {}
        for number, (kind, one) in enumerate(zip(kinds, self._graph.operators, strict=True)):
            if kind in {"PAD", "PADV2", "MIRROR_PAD"}:
                values = self._constants.get(int(one.inputs[1]))
                if values is not None and values[-1].any():
                    found[number] = (int(values[-1][0]), int(values[-1][1]))
        return found

    def _learn(self, one: Operator) -> None:
        """What the constants of an operator are."""
        for position, index in enumerate(int(index) for index in one.object.inputs):
            values = self._constants.get(index)
            if values is None or values.dtype.kind != "f" or position == one.zeros:
                continue
            if index not in self._recipes and (recipe := self._matcher.find(values)) is not None:
                self._recipes[index] = recipe
            if index not in self._recipes and values.size > 1:
                msg = (
                    f"operator {one.kind} of {one.layer!r}: its constant of shape "
                    f"{values.shape} is nothing of the network"
                )
                raise SlicingError(msg)

    def _layers(self) -> Mapping[str, str]:
        found, seen = {}, Counter[str]()
        made = {int(one.object.outputs[0]): one for one in self._operators}
        for one in self._operators:
            if one.kind not in WEIGHTED:
                continue
            index = int(one.object.inputs[1])
            while index not in self._recipes and index in made:  # float16 is widened first
                index = int(made[index].object.inputs[0])
            if index in self._recipes and (node := self._recipes[index].numbers.node):
                found[self._tensors[int(one.object.outputs[0])].name.decode()] = node
                seen[node] += 1
        return {tensor: node for tensor, node in found.items() if seen[node] == 1}
