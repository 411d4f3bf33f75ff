"""What is built for a device beside the runners' own code: kernels, libraries."""

import shutil
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from edgeprune.config import TargetConfig
from edgeprune.deploy.bundle import Bundle
from edgeprune.deploy.generated import write_onnx_model, write_program
from edgeprune.deploy.manifest import KernelsBuilt
from edgeprune.deploy.onnx_runtime import LIBRARY, NoLibrary, runtime_library
from edgeprune.deploy.toolchains import Toolchain
from edgeprune.devices.artifacts import Note
from edgeprune.errors import MeasurementError, TargetError, WorkloadError

#: What ONNX Runtime's library from a wheel can run on.
_CPU = "CPUExecutionProvider"


class Skipped(Exception):
    """A product that this machine or the device cannot have; the message says why."""


@dataclass
class Products:
    """What is being built.

    Attributes:
        bundle: the run's.
        target: the device's profile.
        toolchain: of its architecture.
        folder: where products go.
        scratch: where the runners' generated sources go.
        note: told what takes long.
        kernels_built: what TVM made of the model, once it has.
        compiled_for: file -> the processor and its features that the file was compiled for; files
            that choose by the processor that they run on, as ONNX Runtime does, are not in it.
    """

    bundle: Bundle
    target: TargetConfig
    toolchain: Toolchain
    folder: Path
    scratch: Path
    note: Note
    kernels_built: KernelsBuilt | None = None
    compiled_for: dict[str, Any] = field(default_factory=dict)

    def kernels(self) -> None:
        """TVM's kernels: as an object file for the runner, and as a library for TVM's runtime.

        Raises:
            Skipped: TVM is not installed.
            WorkloadError: the model has an operator that TVM lacks.
            TargetError: TVM does not take the target.
        """
        from edgeprune.deploy.program import compile_program
        from edgeprune.devices.tvm import require_tvm, target_of
        from edgeprune.devices.tvm.artifact import tuning_folder
        from edgeprune.export.formats import file_name

        try:
            require_tvm()
        except TargetError as error:
            raise Skipped(str(error)) from error
        self.note("compiling the kernels")
        own = target_of(self.target)
        database = tuning_folder(own)
        known = database if database.is_dir() else None
        try:
            program = compile_program(self.bundle.onnx, own, known)
            self._library(own, known)
        except MeasurementError as error:
            raise WorkloadError(str(error)) from error
        write_program(program, self.scratch)
        processor = {name: own.get(name) for name in ("mcpu", "mattr")}
        library = file_name("tvm", "float32", self.target)
        self.compiled_for = dict.fromkeys(("run-compiled", "kernels.o", library), processor)
        kernels = len({call.kernel for call in program.calls})
        self.kernels_built = KernelsBuilt(
            target=own,
            kernels=kernels,
            untuned=tuple(program.untuned),
            memory_bytes=program.placed()[1],
        )

    def onnx_runtime(self) -> Path:
        """ONNX Runtime's library, beside the products.

        Raises:
            Skipped: there is none for the architecture, or none that runs as the profile asks.
        """
        others = [one for one in self.target.onnxruntime.providers if one != _CPU]
        if others:
            msg = (
                f"{', '.join(others)} of the profile come with the device's own ONNX Runtime, not "
                "with a wheel; use the image docker/device-jetson"
            )
            raise Skipped(msg)
        try:
            library = runtime_library(self.toolchain, self.note)
        except NoLibrary as error:
            raise Skipped(str(error)) from error
        write_onnx_model(self.bundle.interface, self.scratch)
        (self.folder / "lib").mkdir(exist_ok=True)
        return Path(shutil.copyfile(library, self.folder / "lib" / LIBRARY))

    def _library(self, own: dict[str, Any], database: Path | None) -> None:
        from edgeprune.devices.tvm import compile_library
        from edgeprune.export.formats import file_name
        from edgeprune.export.formats.tvm_library import DESCRIPTION, described

        artifact = compile_library(
            self.bundle.onnx,
            own,
            database=database,
            cross_compiler=self.target.tvm.cross_compiler,
        )
        library, description = described(artifact, {"target": own, "precision": "float32"})
        (self.folder / "lib").mkdir(exist_ok=True)
        path = self.folder / "lib" / file_name("tvm", "float32", self.target)
        path.write_bytes(library)
        path.with_name(path.name + DESCRIPTION).write_bytes(description)


#: Kind of a runner -> what makes what it consists of.
MAKERS: dict[str, Callable[[Products], Any]] = {
    "onnxruntime": Products.onnx_runtime,
    "compiled": Products.kernels,
}
