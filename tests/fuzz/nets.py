"""Model files given to `verify` and `measure`: ONNX and TFLite."""

import random
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import onnx
from ai_edge_litert import schema_py_generated as schema
from google.protobuf.descriptor import FieldDescriptor
from google.protobuf.message import Message

from edgeprune.config import MeasureConfig, SimulatedConfig, TargetConfig
from edgeprune.devices import open_device
from edgeprune.devices.known_net import small_net
from edgeprune.devices.known_tflite import small_tflite_net
from edgeprune.devices.layer_names import layer_times
from edgeprune.devices.worker import onnx_runtime, tflite
from edgeprune.devices.worker.serve import Worker
from edgeprune.errors import EdgepruneError
from edgeprune.export.formats import Format, device_content, format_named
from edgeprune.export.formats.onnx import OnnxFormat
from edgeprune.export.formats.tflite import TfliteFormat
from tests.fuzz.models import branching
from tests.fuzz.surface import Entering, Surface

_NUMBERS = (0, 1, 2, 3, 7, 11, 16, -1, -2, 127, 2**31 - 1, -(2**31), 2**40, 2**62, -(2**63))
_WORDS = ("", "input", "output", "x", "Conv", "Loop", "If", "Reshape", "Concat", "Resize", "Cast")
_IMAGES = np.zeros((2, 3, 8, 8), np.float32)
_SIMULATED = TargetConfig(
    name="made up",
    kind="simulated",
    simulated=SimulatedConfig(),
    measure=MeasureConfig(warmup=0, runs=10),
)


class NetSurface(Surface):
    """A model file in the readers of both commands, then in the runtime.

    Args:
        form: what `verify` opens it with.
        runtime: what `measure` has the device do.
        suffix: of the file.
        more: what else this machine reads of it before a runtime gets it.
    """

    def __init__(
        self,
        form: Format,
        runtime: Callable[[dict[str, Any]], Any],
        suffix: str,
        more: Iterable[Callable[[bytes], object]] = (),
    ) -> None:
        self._form, self._runtime, self._suffix = form, runtime, suffix
        self._more = tuple(more)

    def case(self, content: bytes, folder: Path, native: Entering) -> None:
        """See `Surface.case`."""
        path = folder / f"model{self._suffix}"
        path.write_bytes(content)
        refused: EdgepruneError | None = None
        looks: list[Callable[[], object]] = [
            lambda: self._look_over(path),
            lambda: device_content(path),
            *(lambda one=one: one(content) for one in self._more),
        ]
        for look in looks:
            try:
                look()
            except EdgepruneError as error:
                refused = error
        native()
        self._form.run(path)(_IMAGES)
        worker = Worker(self._runtime, {"threads": 1})
        worker.start()
        worker.put("it", content)
        for step, more in (("build", {}), ("profile", {"runs": 1}), ("outputs", {})):
            worker.answer({"step": step, "model": "it", **more})
        if refused is not None:
            raise refused

    def _look_over(self, path: Path) -> None:
        lint = self._form.lint(path)
        lint.to_json()
        format_named(self._suffix[1:])


class OnnxSurface(NetSurface):
    """ONNX files; mostly whole ones whose fields have wrong values."""

    def __init__(self) -> None:
        more = (_simulated, lambda content: layer_times(content, [("/conv1/Conv", "Conv", [1.0])]))
        super().__init__(OnnxFormat(), onnx_runtime.Runtime, ".onnx", more)
        self.seeds = [small_net(4, size=8), branching()]

    def mutated(self, generator: random.Random) -> bytes:
        """See `Surface.mutated`."""
        if generator.random() < 0.3:
            return super().mutated(generator)
        model = onnx.load_model_from_string(generator.choice(self.seeds))
        for _ in range(generator.choice((1, 1, 2, 4))):
            _break_message(generator, generator.choice(list(_messages(model))))
        return bytes(model.SerializeToString())


class TfliteSurface(NetSurface):
    """TFLite files; half of them whole ones whose tables have wrong values."""

    def __init__(self) -> None:
        super().__init__(TfliteFormat(), tflite.Runtime, ".tflite")
        self.seeds = [small_tflite_net(4, size=8), small_tflite_net(1, size=4)]

    def mutated(self, generator: random.Random) -> bytes:
        """See `Surface.mutated`."""
        if generator.random() < 0.5:
            return super().mutated(generator)
        import flatbuffers

        model = schema.ModelT.InitFromPackedBuf(self.seeds[1], 0)
        for _ in range(generator.choice((1, 1, 2, 4))):
            _break_table(generator, generator.choice(list(_tables(model))))
        try:
            builder = flatbuffers.Builder(1024)
            builder.Finish(model.Pack(builder), b"TFL3")
            return bytes(builder.Output())
        except Exception:  # no such file can be written
            return super().mutated(generator)


def _simulated(content: bytes) -> None:
    with open_device(_SIMULATED) as device:
        found = device.compare(content, content)
        assert 0 < found.ratio < float("inf") and found.candidate.median_ms < float("inf")


def _messages(message: Message) -> Iterator[Message]:
    """A protobuf message and all inside it."""
    waiting = [message]
    while waiting:
        one = waiting.pop()
        yield one
        for field, value in one.ListFields():
            if field.type == FieldDescriptor.TYPE_MESSAGE:
                waiting += list(value) if _repeated(value) else [value]


def _repeated(value: Any) -> bool:
    return hasattr(value, "extend")


def _break_message(generator: random.Random, message: Message) -> None:
    """Change one field: another value, one more, one less, or none."""
    field = generator.choice(message.DESCRIPTOR.fields)
    value = getattr(message, field.name)
    action = generator.randrange(4)
    try:
        if action == 0:
            message.ClearField(field.name)
        elif field.type == FieldDescriptor.TYPE_MESSAGE:
            if _repeated(value) and len(value):
                value.add().CopyFrom(generator.choice(value))
                del value[generator.randrange(len(value))]
            elif not _repeated(value):
                value.SetInParent()
        elif _repeated(value):
            if action == 1 and len(value):
                del value[generator.randrange(len(value))]
            value.append(_scalar(generator, field))
        else:
            setattr(message, field.name, _scalar(generator, field))
    except (ValueError, TypeError):
        message.ClearField(field.name)


def _scalar(generator: random.Random, field: Any) -> Any:
    match field.cpp_type:
        case FieldDescriptor.CPPTYPE_STRING:
            word = generator.choice(_WORDS)
            return word if field.type == FieldDescriptor.TYPE_STRING else word.encode()
        case FieldDescriptor.CPPTYPE_FLOAT | FieldDescriptor.CPPTYPE_DOUBLE:
            return generator.choice((0.0, -1.0, 1e30, float("nan"), float("inf")))
    small = field.cpp_type in (FieldDescriptor.CPPTYPE_INT32, FieldDescriptor.CPPTYPE_ENUM)
    number = generator.choice(_NUMBERS)
    return max(-(2**31), min(number, 2**31 - 1)) if small else number


def _tables(table: Any) -> Iterator[Any]:
    """A flatbuffer's table and all inside it."""
    waiting = [table]
    while waiting:
        one = waiting.pop()
        yield one
        for value in vars(one).values():
            parts = value if isinstance(value, list) else [value]
            waiting += [part for part in parts if hasattr(part, "Pack")]


def _break_table(generator: random.Random, table: Any) -> None:
    """Change one field of a table."""
    name = generator.choice(list(vars(table)))
    value = getattr(table, name)
    if isinstance(value, (bytes, str)):
        setattr(table, name, generator.choice(_WORDS))
    elif isinstance(value, (list, np.ndarray)):
        parts = list(value)
        if parts and generator.random() < 0.5:
            del parts[generator.randrange(len(parts))]
        elif parts and not hasattr(parts[0], "Pack"):
            parts[generator.randrange(len(parts))] = _small(generator)
        setattr(table, name, parts)
    elif isinstance(value, (bool, int, float)):
        setattr(table, name, _small(generator))
    else:
        setattr(table, name, None)


def _small(generator: random.Random) -> int:
    return max(-(2**31), min(generator.choice(_NUMBERS), 2**31 - 1))
