"""A network as a fixed list of compiled kernels: no interpreter is left for the device.

TVM's own way to run a network is a virtual machine, whose runtime is shipped as a wheel for 64-bit
machines alone. A CNN of fixed shapes needs none: after fusion its function is a straight list of
calls, and that list, the weights and one object file of kernels are all.
"""

import tempfile
from collections.abc import Mapping
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NoReturn

import numpy as np
from numpy.typing import NDArray

from edgeprune.deploy.memory import Lifetime, place
from edgeprune.devices.tvm import require_tvm
from edgeprune.devices.tvm.database import open_database
from edgeprune.devices.tvm.host import first_line, tvm_target
from edgeprune.devices.tvm.network import read_network
from edgeprune.errors import MeasurementError

#: How the symbol of a kernel begins.
SYMBOL = "__tvm_ffi_"


@dataclass(frozen=True)
class Tensor:
    """A tensor of a program.

    Attributes:
        shape: sizes.
        dtype: numpy's name.
        value: its content, if it is a weight.
    """

    shape: tuple[int, ...]
    dtype: str
    value: NDArray[Any] | None = None

    @property
    def size(self) -> int:
        """Bytes."""
        return int(np.prod(self.shape, dtype=np.int64)) * np.dtype(self.dtype).itemsize


@dataclass(frozen=True)
class Call:
    """A kernel with what it reads, and last what it writes: positions in `Program.tensors`."""

    kernel: str
    tensors: tuple[int, ...]


@dataclass(frozen=True)
class Program:
    """A network, compiled.

    Attributes:
        tensors: all of them.
        calls: in order.
        input: position of the tensor that is given.
        output: position of the tensor that is handed back.
        kernels: an object file with a function ``__tvm_ffi_NAME`` for each kernel.
        untuned: names of the kernels without a tuned schedule.
    """

    tensors: tuple[Tensor, ...]
    calls: tuple[Call, ...]
    input: int
    output: int
    kernels: bytes
    untuned: tuple[str, ...]

    def placed(self) -> tuple[dict[int, int], int]:
        """Offsets of the tensors that are no weights, and the bytes of their memory."""
        lifetimes: dict[int, Lifetime] = {}
        for at, call in enumerate(self.calls):
            for one in call.tensors:
                if self.tensors[one].value is None:
                    known = lifetimes.get(one, Lifetime(self.tensors[one].size, at, at))
                    lifetimes[one] = Lifetime(known.size, known.first, at)
        for one, first in ((self.input, -1), (self.output, None)):
            known = lifetimes.get(one, Lifetime(self.tensors[one].size, -1, -1))
            last = known.last if first is not None else len(self.calls)
            lifetimes[one] = Lifetime(known.size, known.first if first is None else first, last)
        return place(lifetimes)


def compile_program(
    model: bytes, target: Mapping[str, object], database: Path | None = None
) -> Program:
    """Compile an ONNX file to a program.

    Args:
        model: ONNX file of one input and one output; dimensions left open are taken as 1.
        target: TVM's target.
        database: folder of tuned schedules; None: no kernel is tuned.

    Raises:
        TargetError: TVM is missing, or does not take the target.
        MeasurementError: TVM cannot read or compile the model, or it is no straight list of
            kernels of fixed shapes.
    """
    tvm, own = require_tvm(), tvm_target(target)
    network = read_network(model, target)
    untuned = tuple(task.name for task, _ in network.tasks)
    with ExitStack() as stack:
        records = None
        if database is not None:
            records = stack.enter_context(open_database(database, target, own))
            untuned = tuple(
                task.name for task, loops in network.tasks if records.best_ms(loops) is None
            )
        try:
            module = _fused(network.module, own, records)
            functions = {
                one: body
                for one, body in module.functions.items()
                if isinstance(body, tvm.tirx.PrimFunc)
            }
            kernels = _object_file(tvm.IRModule(functions), own)
        except Exception as error:
            msg = f"TVM cannot compile the model: {first_line(error)}"
            raise MeasurementError(msg) from error
    tensors, calls, entry, output = _Reader().read(module["main"])
    return Program(tensors, calls, entry, output, kernels, untuned)


def _fused(module: Any, target: Any, records: Any) -> Any:
    """The module with its operators fused into kernels, as TVM's virtual machine gets it."""
    import tvm
    from tvm import relax

    transform = relax.transform
    steps = [
        transform.LegalizeOps(),
        transform.AnnotateTIROpPattern(),
        transform.FoldConstant(),
        transform.FuseOps(),
        transform.FuseTIR(),
    ]
    with ExitStack() as stack:
        stack.enter_context(target)
        if records is not None:
            stack.enter_context(records.records)
            steps.append(transform.MetaScheduleApplyDatabase())
        stack.enter_context(tvm.transform.PassContext(opt_level=3))
        steps += [transform.DeadCodeElimination(), transform.AttachGlobalSymbol()]
        return tvm.transform.Sequential(steps)(module)


def _object_file(kernels: Any, target: Any) -> bytes:
    import tvm

    # A library of the program itself: kernels then name what they need, instead of being told
    # addresses by TVM's loader.
    compiled = tvm.compile(kernels.with_attr("system_lib_prefix", "edgeprune_"), target=target)
    with tempfile.TemporaryDirectory(prefix="edgeprune-") as folder:
        path = Path(folder) / "kernels.o"
        getattr(compiled, "mod", compiled).write_to_file(str(path))
        return path.read_bytes()


class _Reader:
    """Turns a fused Relax function into tensors and calls."""

    def __init__(self) -> None:
        self.tensors: list[Tensor] = []
        self.calls: list[Call] = []
        self._known: dict[Any, int] = {}

    def read(self, main: Any) -> tuple[tuple[Tensor, ...], tuple[Call, ...], int, int]:
        if len(main.params) != 1:
            _refuse(f"it has {len(main.params)} inputs, and a runner takes one")
        entry = self._tensor(main.params[0])
        for block in main.body.blocks:
            for binding in block.bindings:
                self._bind(binding.var, binding.value)
        if main.body.body not in self._known:
            _refuse("it has several outputs, and a runner gives one")
        output = self._known[main.body.body]
        for one in (entry, output):
            if self.tensors[one].dtype != "float32":
                _refuse(f"an input or output is {self.tensors[one].dtype}, not float32")
        return tuple(self.tensors), tuple(self.calls), entry, output

    def _bind(self, name: Any, value: Any) -> None:
        from tvm import ir, relax

        if isinstance(value, relax.Var | ir.Constant):
            self._known[name] = self._argument(value)
            return
        if not (isinstance(value, relax.Call) and value.op.name == "relax.call_tir"):
            _refuse(f"{getattr(getattr(value, 'op', value), 'name', value)} is no kernel")
        kernel, given = value.args[0], list(value.args[1])
        if len(value.args) > 2:
            _refuse(f"kernel {kernel.name_hint} takes sizes that are not fixed")
        read = [self._argument(one) for one in given]
        self.calls.append(Call(str(kernel.name_hint), (*read, self._tensor(name))))

    def _argument(self, value: Any) -> int:
        from tvm import ir

        if isinstance(value, ir.Constant):
            content = np.asarray(value.value.numpy(), order="C")
            self.tensors.append(Tensor(content.shape, str(content.dtype), content))
            return len(self.tensors) - 1
        return self._known[value]

    def _tensor(self, name: Any) -> int:
        kind = name.ty
        if not hasattr(kind, "shape") or kind.shape is None:
            _refuse(f"{name.name_hint} is no tensor of a known shape")
        try:
            shape = tuple(int(size) for size in kind.shape)
        except TypeError:
            _refuse(f"{name.name_hint} has no fixed shape: {kind.shape}")
        self.tensors.append(Tensor(shape, str(kind.dtype)))
        self._known[name] = len(self.tensors) - 1
        return self._known[name]


def _refuse(reason: str) -> NoReturn:
    msg = f"the model is no straight list of compiled kernels: {reason}"
    raise MeasurementError(msg)
