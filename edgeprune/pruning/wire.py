"""ONNX files written piece by piece: weights are copied once, straight into the file's bytes."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import helper

#: A piece of a file; arrays are passed as views of their memory.
Piece = bytes | memoryview

# Field numbers of onnx.proto; all of these are length-delimited.
_MODEL_GRAPH = 7
_GRAPH_NODE = 1
_GRAPH_NAME = 2
_GRAPH_INITIALIZER = 5
_GRAPH_INPUT = 11
_GRAPH_OUTPUT = 12
_TENSOR_RAW_DATA = 9


def node_bytes(node: onnx.NodeProto) -> bytes:
    """A node as it stands inside a graph."""
    return _field(_GRAPH_NODE, node.SerializeToString())


def interface_bytes(graph: onnx.GraphProto) -> bytes:
    """A graph's name, inputs and outputs."""
    pieces = [_field(_GRAPH_NAME, graph.name.encode())]
    pieces += [_field(_GRAPH_INPUT, value.SerializeToString()) for value in graph.input]
    pieces += [_field(_GRAPH_OUTPUT, value.SerializeToString()) for value in graph.output]
    return b"".join(pieces)


def initializer_pieces(name: str, array: NDArray[Any]) -> tuple[Piece, ...]:
    """A named array as it stands inside a graph; the last piece is the array's own memory."""
    shape = array.shape  # ascontiguousarray makes an axis where a scalar has none
    array = np.ascontiguousarray(array)
    kind = helper.np_dtype_to_tensor_dtype(array.dtype)
    head = onnx.TensorProto(name=name, data_type=kind, dims=shape).SerializeToString()
    head += _head(_TENSOR_RAW_DATA, array.nbytes)
    data = array.reshape(-1).view(np.uint8).data
    return _head(_GRAPH_INITIALIZER, len(head) + array.nbytes) + head, data


def model_bytes(model: onnx.ModelProto, pieces: Sequence[Piece]) -> bytes:
    """A whole file.

    Args:
        model: everything but the graph.
        pieces: the graph's fields.
    """
    size = sum(len(piece) for piece in pieces)
    return b"".join((model.SerializeToString(), _head(_MODEL_GRAPH, size), *pieces))


def _field(number: int, content: bytes) -> bytes:
    return _head(number, len(content)) + content


def _head(number: int, length: int) -> bytes:
    """Tag and length of a length-delimited field."""
    return _varint(number << 3 | 2) + _varint(length)


def _varint(value: int) -> bytes:
    encoded = bytearray()
    while value > 0x7F:
        encoded.append(value & 0x7F | 0x80)
        value >>= 7
    encoded.append(value)
    return bytes(encoded)
