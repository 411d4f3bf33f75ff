"""An ONNX file to a library for a device, with the schedules that tuning has found."""

import json
import tempfile
from collections import OrderedDict
from collections.abc import Mapping
from contextlib import nullcontext
from dataclasses import asdict, dataclass
from hashlib import sha256
from pathlib import Path
from typing import Any

from edgeprune.devices.tvm.database import TuningDatabase, open_database, state_of
from edgeprune.devices.tvm.host import compiler_for, first_line, require_tvm, tvm_target
from edgeprune.devices.tvm.library import checked_machine, header_of, pack
from edgeprune.devices.tvm.linking import linker
from edgeprune.devices.tvm.memory import planned_bytes
from edgeprune.devices.tvm.network import Network, read_network
from edgeprune.errors import MeasurementError, TargetError

#: Libraries kept in this process: a search compiles its baseline again and again otherwise.
_KEPT = 16
_kept: OrderedDict[tuple[str, ...], bytes] = OrderedDict()
#: Names of kernels that a message repeats.
_TOLD = 5


@dataclass(frozen=True)
class CompileReport:
    """What is in a library.

    Attributes:
        kernels: how many it has.
        tuned: how many of them have a tuned schedule.
        untuned: names of the others.
    """

    kernels: int
    tuned: int
    untuned: tuple[str, ...]

    def to_json(self) -> dict[str, Any]:
        """As it goes into a measurement's conditions."""
        return {**asdict(self), "untuned": list(self.untuned)}


def compile_library(
    model: bytes,
    target: Mapping[str, object],
    *,
    database: Path | None = None,
    cross_compiler: str | None = None,
) -> bytes:
    """Compile an ONNX file; the same twice in one process is compiled once.

    Args:
        model: ONNX file, float32; dimensions left open are taken as 1.
        target: TVM's target, such as ``{"kind": "llvm", "mtriple": "aarch64-linux-gnu"}``.
        database: folder of a tuning database; None: no kernel is tuned.
        cross_compiler: program that links; None: by the target's triple.

    Returns:
        What the device's worker takes: a zip file of the library and its description, which
        names the kernels that are not tuned.

    Raises:
        TargetError: TVM or the compiler is missing, the target is wrong, or the library came out
            for another processor than the target's.
        MeasurementError: TVM cannot read or compile the model.
    """
    own = tvm_target(target)
    compiler = compiler_for(target, cross_compiler)
    described = json.dumps(dict(target), sort_keys=True, default=str)
    folder = "" if database is None else str(database.absolute())
    # What is tuned whole stays as it is, whatever else is tuned since.
    whole = (sha256(model).hexdigest(), described, compiler, folder)
    for key in (whole, (*whole, state_of(database))):
        if key in _kept:
            _kept.move_to_end(key)
            return _kept[key]
    network = read_network(model, target)
    opened = nullcontext() if database is None else open_database(database, target, own)
    with opened as records:
        untuned = tuple(
            task.name
            for task, loops in network.tasks
            if not records or records.best_ms(loops) is None
        )
        library, planned = _compiled(network, own, records, compiler)
    checked_machine(library, target, compiler)
    version = require_tvm().__version__
    artifact = pack(
        library,
        version=version,
        inputs=network.inputs,
        kernels=len(network.tasks),
        untuned=untuned,
        planned_bytes=planned,
    )
    _kept[key if untuned else whole] = artifact
    while len(_kept) > _KEPT:
        _kept.popitem(last=False)
    return artifact


def compile_tuned(
    model: bytes,
    target: Mapping[str, object],
    database_folder: Path,
    *,
    cross_compiler: str | None = None,
    allow_untuned: bool = False,
) -> tuple[bytes, CompileReport]:
    """Compile an ONNX file whose kernels have been tuned.

    Args:
        model: ONNX file.
        target: TVM's target.
        database_folder: folder of its tuning database.
        cross_compiler: program that links; None: by the target's triple.
        allow_untuned: accept kernels that were not tuned; the report names them.

    Raises:
        TargetError: as `compile_library`; or kernels are not tuned.
        MeasurementError: as `compile_library`.
    """
    artifact = compile_library(
        model, target, database=database_folder, cross_compiler=cross_compiler
    )
    header = header_of(artifact)
    untuned, kernels = tuple(header["untuned"]), int(header["kernels"])
    if untuned and not allow_untuned:
        raise TargetError(untuned_message(untuned, kernels))
    return artifact, CompileReport(kernels, kernels - len(untuned), untuned)


def untuned_message(untuned: tuple[str, ...], kernels: int, reason: str = "") -> str:
    """What to tell of kernels without a tuned schedule."""
    names = ", ".join(untuned[:_TOLD]) + (", …" if len(untuned) > _TOLD else "")
    return (
        f"untuned kernels: {names} ({len(untuned)} of {kernels}){reason}; they are 50 to 100 "
        "times slower than tuned ones and say nothing about a model: tune them, or set "
        "tvm.allow_untuned in the profile and the result is marked"
    )


def _compiled(
    network: Network, target: Any, records: TuningDatabase | None, compiler: str
) -> tuple[bytes, int]:
    """The shared library, and bytes of the storages planned for activations."""
    import tvm
    from tvm.s_tir import meta_schedule

    try:
        planned = planned_bytes(network.module, target)
        if records is None:
            compiled = tvm.compile(network.module, target=target)
        else:
            # The module before fusion: with the fused one nothing would be found, silently.
            compiled = meta_schedule.relax_integration.compile_relax(
                records.records, network.module, target, params={}
            )
        with tempfile.TemporaryDirectory(prefix="edgeprune-") as folder:
            path = Path(folder) / "library.so"
            compiled.export_library(str(path), fcompile=linker(compiler))
            return path.read_bytes(), planned
    except TargetError:
        raise
    except Exception as error:
        msg = f"TVM cannot compile the model: {first_line(error)}"
        raise MeasurementError(msg) from error
