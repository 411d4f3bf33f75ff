"""The runner's C++ with CMake and a cross compiler."""

import shutil
import tempfile
from pathlib import Path

from edgeprune.boards.programs import run
from edgeprune.deploy.toolchains import Toolchain, runner_sources

#: Name of a runner's program, after its kind.
PROGRAM = "run-{}"
#: The preferred one first.
KINDS = ("onnxruntime", "compiled")


def compile_runners(
    generated: Path, toolchain: Toolchain, output: Path, *, tvm: bool, onnx_runtime: Path | None
) -> list[Path]:
    """Build the runners of a network.

    Args:
        generated: folder of what `edgeprune.deploy.generated` wrote.
        toolchain: what it is built with.
        output: folder that the programs are put into; made where it is missing.
        tvm: build the one of compiled kernels.
        onnx_runtime: library of the one with ONNX Runtime; None: it is not built.

    Returns:
        The programs.

    Raises:
        TargetError: a program is missing, or what was given does not compile.
    """
    settings = {
        "CMAKE_TOOLCHAIN_FILE": toolchain.cmake_file,
        "GENERATED": generated.absolute(),
        "TVM_FFI_INCLUDE": tvm_headers() if tvm else "",
        "ONNX_RUNTIME": "" if onnx_runtime is None else onnx_runtime.absolute(),
    }
    with tempfile.TemporaryDirectory(prefix="edgeprune-") as folder:
        words = [f"-D{name}={value}" for name, value in settings.items()]
        purpose = f"compiling the runner for {toolchain.architecture}"
        run(["cmake", "-S", runner_sources(), "-B", folder, *words], purpose)
        run(["cmake", "--build", folder], purpose)
        output.mkdir(parents=True, exist_ok=True)
        built = [Path(folder) / PROGRAM.format(kind) for kind in KINDS]
        return [Path(shutil.move(path, output / path.name)) for path in built if path.is_file()]


def tvm_headers() -> str:
    """Folder of the C headers that TVM's kernels are called with."""
    from tvm_ffi import libinfo

    return str(libinfo.find_include_path())
