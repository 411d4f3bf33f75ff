"""What in a written TFLite file may be slow, or hinder a runtime."""

from dataclasses import asdict, dataclass
from typing import Any

from edgeprune.quantization.tflite_graph import TfliteGraph, TfliteOperator, read_tflite

#: Operators between number formats: none of them computes anything.
_CHANGES = {"QUANTIZE", "DEQUANTIZE", "CAST"}
_TOLD = 3


@dataclass(frozen=True)
class TfliteLint:
    """Countings of one file.

    Attributes:
        version: of the schema.
        operators: how many.
        layout: of the input, ``NHWC``, or ``NCHW`` where it is transposed first.
        transposes: inside the network: each is a pass over a whole tensor that computes nothing.
        input_transposes: of the input itself; one is the price of channels first.
        casts: changes of the number format inside the network; weights do not count, which are
            widened once.
        float_layers: what computes in float inside an int8 file, as ``MEAN pool``.
        custom: operators that are in no runtime by itself.
        dynamic: names of inputs and outputs with a free dimension.
    """

    version: int
    operators: int
    layout: str
    transposes: int
    input_transposes: int
    casts: int
    float_layers: tuple[str, ...]
    custom: tuple[str, ...]
    dynamic: tuple[str, ...]

    def warnings(self) -> list[str]:
        """One sentence for each thing that may cost time or portability."""
        found = []
        if self.transposes:
            found.append(f"{self.transposes} TRANSPOSE inside: each copies a whole tensor")
        if self.input_transposes:
            found.append("the input is transposed first: it takes channels first (NCHW)")
        if self.casts > 2:
            found.append(f"{self.casts} changes of the number format inside the network")
        if self.float_layers:
            found.append(f"in float inside an int8 file: {_some(self.float_layers)}")
        if self.custom:
            found.append(f"needs operators that runtimes lack: {_some(self.custom)}")
        if self.dynamic:
            found.append(f"free dimensions: {_some(self.dynamic)}")
        return found

    def to_json(self) -> dict[str, Any]:
        """Plain values for the manifest."""
        return asdict(self) | {"warnings": self.warnings()}


def lint_tflite(content: bytes) -> TfliteLint:
    """Look a TFLite file over, without running it.

    Args:
        content: the file.

    Raises:
        VerificationError: it is no whole TFLite file.
    """
    graph = read_tflite(content)
    transposes = [one for one in graph.operators if one.kind == "TRANSPOSE"]
    outer = [one for one in transposes if one.inputs[0] in graph.inputs]
    return TfliteLint(
        version=graph.version,
        operators=len(graph.operators),
        layout="NCHW" if outer else "NHWC",
        transposes=len(transposes) - len(outer),
        input_transposes=len(outer),
        casts=sum(one.kind in _CHANGES and not one.inputs[0].constant for one in graph.operators),
        float_layers=_float_layers(graph),
        custom=tuple(one.kind[7:] for one in graph.operators if one.kind.startswith("CUSTOM:")),
        dynamic=tuple(one.name for one in (*graph.inputs, *graph.outputs) if one.free),
    )


def _float_layers(graph: TfliteGraph) -> tuple[str, ...]:
    """Operators that compute in float, where others compute in int8."""
    if not any(_gives(one, "INT8") for one in graph.operators):
        return ()
    return tuple(
        f"{one.kind} {one.layer}"
        for one in graph.operators
        if one.kind not in _CHANGES and _gives(one, "FLOAT32")
    )


def _gives(operator: TfliteOperator, kind: str) -> bool:
    return any(one.kind == kind for one in operator.outputs)


def _some(names: tuple[str, ...]) -> str:
    more = f" and {len(names) - _TOLD} more" if len(names) > _TOLD else ""
    return ", ".join(names[:_TOLD]) + more
