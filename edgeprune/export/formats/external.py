"""ONNX files whose weights lie in other files: named by the file, so that they can be anybody's."""

from collections.abc import Iterator
from pathlib import Path

import onnx
from google.protobuf.message import DecodeError

from edgeprune.errors import RunError


def one_file(path: Path) -> bytes:
    """An ONNX file as a device is sent it: whole, with all of its weights.

    Raises:
        RunError: some of them lie in other files, which are never opened for a device.
        OSError: it cannot be read.
    """
    content = path.read_bytes()
    try:
        elsewhere = sorted(set(_places(onnx.load_model_from_string(content).graph)))
    except DecodeError:
        return content  # its runtime says what is wrong with it
    if elsewhere:
        msg = (
            f"{path} keeps weights in other files ({', '.join(elsewhere[:3])}); allowed: one file, "
            "onnx.save(onnx.load(path), other_path) makes it"
        )
        raise RunError(msg)
    return content


def _places(graph: onnx.GraphProto) -> Iterator[str]:
    tensors = [*graph.initializer, *(one.values for one in graph.sparse_initializer)]
    for node in graph.node:
        for value in node.attribute:
            tensors += [value.t, *value.tensors]
            for inner in (value.g, *value.graphs):
                if inner.node or inner.initializer:
                    yield from _places(inner)
    for tensor in tensors:
        if tensor.data_location == onnx.TensorProto.EXTERNAL:
            yield next((one.value for one in tensor.external_data if one.key == "location"), "")
