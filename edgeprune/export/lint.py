"""What in a written ONNX file may be slow, or hinder a runtime."""

from collections import Counter
from dataclasses import asdict, dataclass
from typing import Any

import onnx
from google.protobuf.message import DecodeError

from edgeprune.errors import VerificationError

_HEAVY = {"Conv", "ConvTranspose", "Gemm", "MatMul"}


@dataclass(frozen=True)
class OnnxLint:
    """Countings of one file.

    Attributes:
        opset: of the standard operators.
        nodes: how many.
        transposes: each is a pass over a whole tensor that computes nothing.
        casts: between number formats.
        float_layers: convolutions and matrix products that run in float inside an int8 file.
        dynamic: names of inputs and outputs with a free dimension beside the batch.
        external: whether weights lie in another file.
    """

    opset: int
    nodes: int
    transposes: int
    casts: int
    float_layers: tuple[str, ...]
    dynamic: tuple[str, ...]
    external: bool

    def warnings(self) -> list[str]:
        """One sentence for each thing that may cost time or portability."""
        found = []
        if self.transposes:
            found.append(f"{self.transposes} Transpose nodes: each copies a whole tensor")
        if self.casts > 2:
            found.append(f"{self.casts} Cast nodes: number formats change inside the network")
        if self.float_layers:
            names = ", ".join(self.float_layers[:3])
            more = f" and {len(self.float_layers) - 3} more" if len(self.float_layers) > 3 else ""
            found.append(f"in float inside an int8 file: {names}{more}")
        if self.dynamic:
            found.append(f"free dimensions beside the batch: {', '.join(self.dynamic)}")
        if self.external:
            found.append("weights lie in another file, which has to travel with it")
        return found

    def to_json(self) -> dict[str, Any]:
        """Plain values for the manifest."""
        return asdict(self) | {"warnings": self.warnings()}


def lint_onnx(content: bytes) -> OnnxLint:
    """Look an ONNX file over, without running it.

    Args:
        content: the file.

    Raises:
        VerificationError: it is no whole ONNX file.
    """
    try:
        model = onnx.load_from_string(content)
    except DecodeError as error:
        msg = f"not a whole ONNX file: {error}"
        raise VerificationError(msg) from error
    opsets = [one.version for one in model.opset_import if one.domain in {"", "ai.onnx"}]
    if not opsets:
        msg = "not a whole ONNX file: it does not say of which opset it is"
        raise VerificationError(msg)
    graph = model.graph
    counts = Counter(node.op_type for node in graph.node)
    return OnnxLint(
        opset=opsets[0],
        nodes=len(graph.node),
        transposes=counts["Transpose"],
        casts=counts["Cast"],
        float_layers=_float_layers(graph) if counts["DequantizeLinear"] else (),
        dynamic=tuple(
            value.name
            for value in (*graph.input, *graph.output)
            if any(not one.dim_value for one in value.type.tensor_type.shape.dim[1:])
        ),
        external=any(
            tensor.data_location == onnx.TensorProto.EXTERNAL for tensor in graph.initializer
        ),
    )


def _float_layers(graph: onnx.GraphProto) -> tuple[str, ...]:
    """Layers with weights whose inputs do not come from int8."""
    quantized = {
        name for node in graph.node if node.op_type == "DequantizeLinear" for name in node.output
    }
    return tuple(
        node.name
        for node in graph.node
        if node.op_type in _HEAVY and not quantized.issuperset(list(node.input)[:2])
    )
