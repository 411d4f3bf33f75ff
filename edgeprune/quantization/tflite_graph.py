"""A TFLite file as a list of operators, read by the format's own schema and never run."""

import importlib
from collections import Counter
from dataclasses import dataclass, replace
from typing import Any

from edgeprune.devices.tflite_file import BROKEN, load_tflite, not_whole
from edgeprune.errors import TargetError

#: Operators that have weights.
WEIGHTED = frozenset({"CONV_2D", "DEPTHWISE_CONV_2D", "FULLY_CONNECTED", "TRANSPOSE_CONV"})


@dataclass(frozen=True)
class TfliteTensor:
    """A tensor.

    Attributes:
        name: in the file; long, and unique.
        shape: with 1 for the batch.
        kind: ``FLOAT32``, ``INT8``, …
        constant: whether its values are in the file.
        free: whether the file leaves a dimension open.
    """

    name: str
    shape: tuple[int, ...]
    kind: str
    constant: bool
    free: bool


@dataclass(frozen=True)
class TfliteOperator:
    """An operator.

    Attributes:
        kind: ``CONV_2D``; of a custom operator ``CUSTOM:`` and its own name.
        layer: path of the torch module, where the file tells it, else what it writes; unique.
        inputs: tensors that it reads.
        outputs: tensors that it writes.
    """

    kind: str
    layer: str
    inputs: tuple[TfliteTensor, ...]
    outputs: tuple[TfliteTensor, ...]


@dataclass(frozen=True)
class TfliteGraph:
    """The network of a file: its first subgraph, which is what a runtime runs.

    Attributes:
        version: of the schema.
        inputs: what it takes.
        outputs: what it gives.
        operators: in the order in which they run.
    """

    version: int
    inputs: tuple[TfliteTensor, ...]
    outputs: tuple[TfliteTensor, ...]
    operators: tuple[TfliteOperator, ...]


def require_litert() -> None:
    """Check that TFLite files can be run and quantised here.

    Raises:
        TargetError: the extra is not installed; the message names the command.
    """
    try:
        for name in ("ai_edge_litert.interpreter", "ai_edge_quantizer"):
            importlib.import_module(name)
    except ImportError as error:
        msg = f"TFLite needs an extra ({error}); install it: pip install 'edgeprune[tflite]'"
        raise TargetError(msg) from error


def read_tflite(content: bytes) -> TfliteGraph:
    """Read a file; all of it is looked at, so that a runtime need not stumble over half of one.

    Args:
        content: the file.

    Raises:
        VerificationError: it is no whole TFLite file.
    """
    from ai_edge_litert import schema_py_generated as schema

    model = load_tflite(content)
    try:
        graph = model.subgraphs[0]
        tensors = [_tensor(schema, model, one) for one in graph.tensors]
        operators = _operators(schema, model, tensors)
        inputs = tuple(tensors[index] for index in graph.inputs)
        outputs = tuple(tensors[index] for index in graph.outputs)
    except BROKEN as error:
        raise not_whole(error) from error
    return TfliteGraph(int(model.version), inputs, outputs, tuple(operators))


def _tensor(schema: Any, model: Any, tensor: Any) -> TfliteTensor:
    signature = tensor.shapeSignature
    data = model.buffers[tensor.buffer].data
    return TfliteTensor(
        name=tensor.name.decode(),
        shape=tuple(int(size) for size in (tensor.shape if tensor.shape is not None else ())),
        kind=_word(schema.TensorType, tensor.type),
        constant=data is not None and len(data) > 0,
        free=signature is not None and any(size < 0 for size in signature),
    )


def _operators(schema: Any, model: Any, tensors: list[TfliteTensor]) -> list[TfliteOperator]:
    found: list[TfliteOperator] = []
    for operator in model.subgraphs[0].operators:
        code = model.operatorCodes[operator.opcodeIndex]
        kind = _word(schema.BuiltinOperator, max(code.builtinCode, code.deprecatedBuiltinCode))
        if kind == "CUSTOM":
            kind = f"CUSTOM:{code.customCode.decode()}"
        inputs, outputs = (
            # An input that is left out has the index -1.
            tuple(tensors[index] for index in side if index >= 0)
            for side in (operator.inputs, operator.outputs)
        )
        found.append(TfliteOperator(kind, _layer(kind, inputs, outputs), inputs, outputs))
    return _told_apart(found)


def _told_apart(operators: list[TfliteOperator]) -> list[TfliteOperator]:
    """The same with unique layers: what has weights bears the name, a PAD before it ``name#2``."""
    seen: Counter[str] = Counter()
    found = dict.fromkeys(range(len(operators)), "")
    for index in sorted(found, key=lambda one: operators[one].kind not in WEIGHTED):
        layer = operators[index].layer
        seen[layer] += 1
        found[index] = layer if seen[layer] == 1 else f"{layer}#{seen[layer]}"
    return [replace(one, layer=found[index]) for index, one in enumerate(operators)]


def _layer(kind: str, inputs: tuple[TfliteTensor, ...], outputs: tuple[TfliteTensor, ...]) -> str:
    """The path of the module: litert-torch writes it into the names of weights and tensors."""
    name = inputs[1].name if kind in WEIGHTED and len(inputs) > 1 else outputs[0].name
    whole = [one for one in name.split(";") if "/" in one]
    if not whole:
        return name
    # Fused operators bear the names of all their modules: the layer with weights is the deepest.
    weighted = [one for one in whole if "Conv" in _last(one) or "Linear" in _last(one)]
    parts = [_last(part) for part in (weighted or whole)[-1].split("/")[1:]]
    # "Sequential_layer1": the class, then what its owner calls it. Ours is called "model".
    path = [part[1:].partition("_")[2] for part in parts]
    return ".".join(path[1:] if path[0] == "model" else path) or name


def _last(path: str) -> str:
    return path.rpartition(".")[2]


def _word(enumeration: Any, value: int) -> str:
    words = {number: word for word, number in vars(enumeration).items() if isinstance(number, int)}
    return str(words[int(value)])
