"""What a network computes, whatever its weights: a hash that tells networks apart."""

import hashlib
import json

import onnx


def graph_signature(model: bytes) -> str:
    """Hash an ONNX file's nodes and shapes; latency depends on those and not on weights.

    Args:
        model: an ONNX file.

    Returns:
        32 hexadecimal digits.
    """
    graph = onnx.load_from_string(model).graph
    shapes = {one.name: [one.data_type, *one.dims] for one in graph.initializer}
    inputs = [one.type.SerializeToString(deterministic=True).hex() for one in graph.input]
    nodes = [
        [node.op_type, list(node.input), list(node.output), [_text(one) for one in node.attribute]]
        for node in graph.node
    ]
    text = json.dumps([inputs, nodes, shapes], sort_keys=True)
    return hashlib.sha256(text.encode()).hexdigest()[:32]


def _text(attribute: onnx.AttributeProto) -> str:
    return str(attribute.SerializeToString(deterministic=True).hex())
