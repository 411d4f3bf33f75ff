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
from typing import Any

from edgeprune.deploy.calls import Call, Tensor, read_calls
from edgeprune.deploy.memory import Lifetime, place
from edgeprune.devices.tvm import require_tvm
from edgeprune.devices.tvm.database import open_database
from edgeprune.devices.tvm.host import first_line, tvm_target
from edgeprune.devices.tvm.network import read_network
from edgeprune.errors import MeasurementError

#: How the symbol of a kernel begins.
SYMBOL = "__tvm_ffi_"


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
    module, untuned = fused_network(model, target, database)
    try:
        kernels = _object_file(kernels_of(module), tvm_target(target))
    except Exception as error:
        raise _failed(error) from error
    tensors, calls, entry, output = read_calls(module["main"])
    return Program(tensors, calls, entry, output, kernels, untuned)


def fused_network(
    model: bytes, target: Mapping[str, object], database: Path | None = None
) -> tuple[Any, tuple[str, ...]]:
    """Read an ONNX file into TVM and fuse its operators into kernels.

    Args:
        model: ONNX file.
        target: TVM's target.
        database: folder of tuned schedules, which are applied; None: no kernel is tuned.

    Returns:
        TVM's module; and the names of the kernels without a tuned schedule.

    Raises:
        TargetError, MeasurementError: as `compile_program`.
    """
    own = tvm_target(target)
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
            return _fused(network.module, own, records), untuned
        except Exception as error:
            raise _failed(error) from error


def kernels_of(module: Any) -> Any:
    """The kernels of a fused network, as a TVM module of their own.

    They are to be a library of the program itself: they then name what they need of a runtime,
    instead of being told addresses by TVM's loader.
    """
    tvm = require_tvm()
    functions = {
        name: body for name, body in module.functions.items() if isinstance(body, tvm.tirx.PrimFunc)
    }
    return tvm.IRModule(functions).with_attr("system_lib_prefix", "edgeprune_")


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

    compiled = tvm.compile(kernels, target=target)
    with tempfile.TemporaryDirectory(prefix="edgeprune-") as folder:
        path = Path(folder) / "kernels.o"
        getattr(compiled, "mod", compiled).write_to_file(str(path))
        return path.read_bytes()


def _failed(error: Exception) -> MeasurementError:
    return MeasurementError(f"TVM cannot compile the model: {first_line(error)}")
