"""A TFLite file as one small file for each of its operators, to be timed one by one.

The runtime tells Python nothing of its kernels' times, and its profiler is in no package for
boards. A file of one operator has the kernel, the shapes and the fused activation that this
operator has inside the network; a device that runs them in turns, in the network's order, has
their weights in its caches no more often than the network has.
"""

import copy
import io
import zipfile
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np

from edgeprune.devices.measurement import LayerTime
from edgeprune.devices.statistics import level
from edgeprune.devices.tflite_file import (
    code_index,
    constant_of,
    dump_tflite,
    kept_tensors,
    load_tflite,
    operator_kind,
)
from edgeprune.errors import MeasurementError, VerificationError

#: The piece that does nothing but being called.
CALL = "call"


def tflite_pieces(content: bytes) -> bytes:
    """Cut a file up.

    Args:
        content: a TFLite file.

    Returns:
        A zip archive of TFLite files, in the order in which they run, each called by its operator's
        number and kind; the first is `CALL`.

    Raises:
        MeasurementError: it is no whole TFLite file.
    """
    try:
        model = load_tflite(content)
        pieces = list(_pieces(model))
    except VerificationError as error:
        msg = f"the layers of the model cannot be read: {error}"
        raise MeasurementError(msg) from error
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        archive.writestr(f"{CALL}\n", _call(model))
        for number, kind, piece in pieces:
            archive.writestr(f"{number}\n{kind}", piece)
    return buffer.getvalue()


def tflite_layer_times(
    content: bytes, kernels: Sequence[tuple[str, str, Sequence[float]]]
) -> list[LayerTime]:
    """Times of the operators in undisturbed runs, without that of the call itself.

    Args:
        content: the TFLite file.
        kernels: name, kind and microseconds of each run, of the pieces of `tflite_pieces`.

    Returns:
        One entry per operator, by the tensor that it writes, which a converter names.
    """
    graph = load_tflite(content).subgraphs[0]
    written = {
        str(number): graph.tensors[int(operator.outputs[0])].name.decode()
        for number, operator in enumerate(graph.operators)
    }
    call_ms = next((level(times) / 1e3 for name, _, times in kernels if name == CALL), 0.0)
    return [
        LayerTime(written[name], kind, max(level(times) / 1e3 - call_ms, 0.0))
        for name, kind, times in kernels
        if name in written
    ]


def _pieces(model: Any) -> Iterator[tuple[int, str, bytes]]:
    graph = model.subgraphs[0]
    constant = {
        index
        for index, tensor in enumerate(graph.tensors)
        if constant_of(model, tensor) is not None
    }
    widened: dict[int, Any] = {}
    for number, operator in enumerate(graph.operators):
        inputs = [int(index) for index in operator.inputs if index >= 0]
        output = int(operator.outputs[0])
        if constant.issuperset(inputs):  # done once, when the file is loaded
            widened[output] = operator
            constant.add(output)
            continue
        before = [widened[index] for index in inputs if index in widened]
        given = [index for index in inputs if index not in constant]
        yield number, operator_kind(model, operator), _piece(model, [*before, operator], given)


def _piece(model: Any, operators: Sequence[Any], inputs: Sequence[int]) -> bytes:
    """A file of some operators, of which the last one gives the outputs."""
    given = list(dict.fromkeys(inputs))
    graph = copy.copy(model.subgraphs[0])
    outputs = [int(index) for index in operators[-1].outputs]
    kept = kept_tensors(operators, given, outputs)
    place = {index: number for number, index in enumerate(kept)} | {-1: -1}
    piece, buffers, codes = copy.copy(model), [model.buffers[0]], dict[int, int]()
    graph.tensors, graph.operators = [], []
    for index in kept:
        tensor = copy.copy(model.subgraphs[0].tensors[index])
        data = model.buffers[tensor.buffer].data
        tensor.buffer = 0
        if data is not None and len(data):
            tensor.buffer = len(buffers)
            buffers.append(_buffer(model, data))
        graph.tensors.append(tensor)
    for one in operators:
        operator = copy.copy(one)
        operator.inputs = _numbers(place[int(index)] for index in one.inputs)
        operator.outputs = _numbers(place[int(index)] for index in one.outputs)
        operator.opcodeIndex = codes.setdefault(one.opcodeIndex, len(codes))
        graph.operators.append(operator)
    graph.inputs = _numbers(place[index] for index in given)
    graph.outputs = _numbers(place[index] for index in outputs)
    piece.operatorCodes = [model.operatorCodes[index] for index in codes]
    piece.subgraphs, piece.buffers = [graph], buffers
    piece.signatureDefs = piece.metadata = piece.metadataBuffer = None
    return dump_tflite(piece)


def _call(model: Any) -> bytes:
    """A file that does next to nothing: what it takes is the call."""
    from ai_edge_litert import schema_py_generated as schema

    called, graph = copy.copy(model), copy.copy(model.subgraphs[0])
    called.subgraphs, called.operatorCodes = [graph], list(model.operatorCodes)
    graph.tensors = []
    for name in ("given", "found"):
        tensor = schema.TensorT()
        tensor.name, tensor.shape, tensor.buffer = name, _numbers([1, 1]), 0
        tensor.type = schema.TensorType.FLOAT32
        graph.tensors.append(tensor)
    operator = schema.OperatorT()
    operator.opcodeIndex = code_index(called, "RELU")
    operator.inputs, operator.outputs = _numbers([0]), _numbers([1])
    graph.operators = [operator]
    called.buffers = [model.buffers[0]]
    return _piece(called, [operator], [0])


def _buffer(model: Any, data: Any) -> Any:
    buffer = copy.copy(model.buffers[0])
    buffer.data, buffer.offset, buffer.size = data, 0, 0
    return buffer


def _numbers(values: Any) -> Any:
    return np.fromiter(values, np.int32)
