"""TFLite files as the objects of their own schema: read, changed and written again."""

import copy
import struct
from collections.abc import Iterable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from edgeprune.errors import VerificationError

#: What the format asks of constants, so that kernels may read them where they lie.
_ALIGNMENT = 16
#: Room for what a file holds beside its constants, for each operator.
_ROOM = 4096
#: What half a file makes of the schema's readers.
BROKEN = (struct.error, IndexError, KeyError, TypeError, ValueError, AttributeError)


def load_tflite(content: bytes) -> Any:
    """Read a file into the schema's ``ModelT``; constants are views of the content.

    Raises:
        VerificationError: it is no whole TFLite file.
    """
    from ai_edge_litert import schema_py_generated as schema

    if content[4:8] != b"TFL3":
        msg = "not a TFLite file: TFL3 is not where it should be"
        raise VerificationError(msg)
    try:
        return schema.ModelT.InitFromPackedBuf(content, 0)
    except BROKEN as error:
        raise not_whole(error) from error


def not_whole(error: Exception) -> VerificationError:
    """What to raise for what half a file made of the schema's readers."""
    return VerificationError(f"not a whole TFLite file: {type(error).__name__}: {error}")


def dump_tflite(model: Any) -> bytes:
    """Write a file; constants may be arrays of any type, shape and layout, copied once.

    Args:
        model: a ``ModelT``.
    """
    import flatbuffers

    size = sum(one.data.nbytes for one in model.buffers if isinstance(one.data, np.ndarray))
    operators = sum(len(graph.operators) for graph in model.subgraphs)
    builder = flatbuffers.Builder(size + _ROOM * (8 + operators) + _ALIGNMENT * len(model.buffers))
    written = copy.copy(model)
    written.buffers = [_Constant(one) for one in model.buffers]
    builder.Finish(written.Pack(builder), b"TFL3")
    return bytes(memoryview(builder.Bytes)[builder.Head() :])


class _Constant:
    """A buffer that is copied as it lies, straight into the file, and aligned there."""

    def __init__(self, buffer: Any) -> None:
        self._buffer = buffer

    def Pack(self, builder: Any) -> Any:
        values = self._buffer.data
        if not isinstance(values, np.ndarray) or values.size == 0:
            return self._buffer.Pack(builder)
        from ai_edge_litert import schema_py_generated as schema

        builder.StartVector(1, values.nbytes, _ALIGNMENT)
        builder.head = builder.head - values.nbytes
        there = np.frombuffer(builder.Bytes, values.dtype, values.size, builder.head)
        there.reshape(values.shape)[...] = values
        builder.vectorNumElems = values.nbytes
        data = builder.EndVector()
        schema.BufferStart(builder)
        schema.BufferAddData(builder, data)
        return schema.BufferEnd(builder)


def constant_of(model: Any, tensor: Any) -> NDArray[Any] | None:
    """A tensor's values where the file holds them; None where they are computed.

    Args:
        model: the file.
        tensor: one of its ``TensorT``.

    Returns:
        A view; None also for types that numpy does not have.
    """
    data = model.buffers[tensor.buffer].data
    kind = dtype_of(tensor.type)
    if data is None or len(data) == 0 or kind is None:
        return None
    shape = () if tensor.shape is None else tuple(int(one) for one in tensor.shape)
    return np.frombuffer(np.asarray(data, np.uint8), kind).reshape(shape)


def dtype_of(kind: int) -> np.dtype[Any] | None:
    """The numpy type of one of the schema's tensor types."""
    from ai_edge_litert import schema_py_generated as schema

    word = next((name for name, one in vars(schema.TensorType).items() if one == kind), "")
    return np.dtype(word.lower()) if word in _KINDS else None


_KINDS = frozenset(
    {"FLOAT32", "FLOAT16", "FLOAT64", "INT32", "INT64", "INT16", "INT8", "UINT8", "BOOL"}
)


def operator_kind(model: Any, operator: Any) -> str:
    """What an operator is called: ``CONV_2D``; of a custom one its own name after ``CUSTOM:``."""
    from ai_edge_litert import schema_py_generated as schema

    code = model.operatorCodes[operator.opcodeIndex]
    number = max(code.builtinCode, code.deprecatedBuiltinCode)
    words = vars(schema.BuiltinOperator).items()
    kind = next((name for name, one in words if one == number), f"OPERATOR_{number}")
    return f"CUSTOM:{code.customCode.decode()}" if kind == "CUSTOM" else str(kind)


def code_index(model: Any, kind: str) -> int:
    """The index of a built-in operator among a file's codes; added where it is not there."""
    from ai_edge_litert import schema_py_generated as schema

    number = getattr(schema.BuiltinOperator, kind)
    for index, code in enumerate(model.operatorCodes):
        if max(code.builtinCode, code.deprecatedBuiltinCode) == number:
            return index
    code = schema.OperatorCodeT()
    code.builtinCode, code.deprecatedBuiltinCode, code.version = number, min(number, 127), 1
    model.operatorCodes = [*model.operatorCodes, code]
    return len(model.operatorCodes) - 1


def kept_tensors(operators: Iterable[Any], inputs: Any, outputs: Any) -> list[int]:
    """Indices of the tensors that some operators of the first subgraph need, ascending."""
    used = {int(one) for one in (*inputs, *outputs)}
    for operator in operators:
        used.update(int(one) for one in (*operator.inputs, *operator.outputs))
    used.discard(-1)  # an input that is left out
    return sorted(used)
