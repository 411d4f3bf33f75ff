"""ONNX files written piece by piece: weights are copied once, straight into the file's bytes."""

import io
import math
from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import helper

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


def initializer_bytes(name: str, array: NDArray[Any]) -> bytes:
    """A named array as it stands inside a graph."""
    content: bytes = array.tobytes()
    return initializer_head(name, array.shape, array.dtype) + content


def initializer_head(name: str, shape: Sequence[int], dtype: np.dtype[Any]) -> bytes:
    """What stands before an array's own bytes inside a graph."""
    kind = helper.np_dtype_to_tensor_dtype(dtype)
    size = math.prod(shape) * dtype.itemsize
    head: bytes = onnx.TensorProto(name=name, data_type=kind, dims=shape).SerializeToString()
    head += _head(_TENSOR_RAW_DATA, size)
    return _head(_GRAPH_INITIALIZER, len(head) + size) + head


def model_bytes(
    model: onnx.ModelProto,
    pieces: Sequence[bytes],
    heads: Sequence[bytes],
    arrays: Iterable[NDArray[Any]],
    size: int,
) -> bytes:
    """A whole file.

    Args:
        model: everything but the graph.
        pieces: the graph's fields, but for those that follow.
        heads: of the arrays, see `initializer_head`.
        arrays: asked for one at a time, when it is to be written.
        size: bytes of all arrays.
    """
    size += sum(len(piece) for piece in pieces) + sum(len(head) for head in heads)
    start = model.SerializeToString() + _head(_MODEL_GRAPH, size)
    file = io.BytesIO()
    file.seek(len(start) + size - 1)
    file.write(b"\0")  # all memory at once: growing costs more than the writing
    file.seek(0)
    file.write(start)
    for piece in pieces:
        file.write(piece)
    for head, array in zip(heads, arrays, strict=True):
        file.write(head)
        file.write(np.ascontiguousarray(array).reshape(-1).view(np.uint8).data)
    return file.getvalue()


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
