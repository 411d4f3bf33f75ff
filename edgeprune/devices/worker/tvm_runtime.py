"""Apache TVM on the device: runs libraries that were compiled for it elsewhere.

What is sent is a zip file of two entries: ``library.so``, and ``library.json`` with ``tvm`` (the
version it was compiled with), ``machine``, ``inputs`` (name, shape and dtype of each, in order),
``kernels`` (how many), ``untuned`` (the names of those that were not tuned) and ``planned_bytes``
(of the storages for activations).
"""

from __future__ import annotations

import functools
import io
import json
import os
import platform
import shutil
import struct
import tempfile
import time
import zipfile
from collections.abc import Callable
from typing import Any

import numpy as np

from .failures import BuildFailed, RuntimeMissing

HEADER, LIBRARY = "library.json", "library.so"
#: ELF's ``e_machine`` -> what `platform.machine` says.
_MACHINES = {62: "x86_64", 183: "aarch64", 40: "armv7l", 3: "i686", 243: "riscv64"}
#: What TVM's virtual machine calls beside kernels: to reserve memory, to give a tensor a shape.
_BUILTIN = "vm.builtin."
#: What it is told before and after a call, to go on as it would.
_GO_ON = 0
#: Runs of a profile that are not counted.
_WARM_UP = 5
_ALSO_CALLED = {"arm64": "aarch64", "amd64": "x86_64", "armv8l": "armv7l"}


class Runtime:
    """Builds and runs libraries.

    Args:
        settings: ``threads``; ``affinity``, the cores the worker has been bound to, if any.
    """

    def __init__(self, settings: dict[str, Any]) -> None:
        self._threads = int(settings["threads"])
        # Read when TVM first runs something in parallel, hence before its import.
        os.environ["TVM_NUM_THREADS"] = str(self._threads)
        if settings.get("affinity"):
            # TVM binds its threads to cores of its own choice otherwise.
            os.environ["TVM_BIND_THREADS"] = "0"
        try:
            import tvm

            # Not tvm.relax, which is the compiler's: a device may have the runtime alone.
            from tvm.runtime import vm
        except (ImportError, OSError, RuntimeError) as error:
            raise RuntimeMissing(
                "tvm cannot be imported ("
                + str(error)
                + "); install it: python3 -m pip install 'apache-tvm>=0.27,<0.28' "
                "'apache-tvm-ffi>=0.1.14,<0.1.15'"
            ) from error
        self._library, self._vm = tvm, vm

    def describe(self) -> dict[str, Any]:
        """Name and version; whether a run is the calling thread's work alone."""
        return {
            "runtime": "tvm",
            "version": self._library.__version__,
            "threads": self._threads,
            "single_thread": self._threads == 1,
        }

    def build(self, model: bytes) -> Callable[[], object]:
        """Load a library; the result runs it once on fixed inputs."""
        header, machine = self._open(model)
        return self._run(header, machine)

    def load(self, model: bytes) -> tuple[dict[str, Any], Callable[..., Any]]:
        """Load a library: its header, and the function that runs it on tensors."""
        header, machine = self._open(model)
        return header, machine["main"]

    def outputs(self, model: bytes) -> list[Any]:
        """What a library computes from the fixed inputs."""
        found: Any = self.build(model)()
        several = found if not hasattr(found, "numpy") else [found]
        return [one.numpy() for one in several]

    def profile(self, model: bytes, runs: int, folder: str) -> list[tuple[str, str, list[float]]]:
        """Kernel times of single runs: TVM's virtual machine says what it calls, and when.

        Args:
            model: library.
            runs: how many runs, after five that are not counted.
            folder: not needed.

        Returns:
            For each kernel, in execution order, its function's name, the shapes of what it is
            given and fills ("1,3,8,8 8,3,3,3 1,8,8,8"), and microseconds per run.
        """
        header, machine = self._open(model)
        calls = _Calls()
        machine.set_instrument(calls.note)
        run = self._run(header, machine)
        times: list[list[float]] = []
        for _ in range(runs + _WARM_UP):
            del calls.kernels[:]
            run()
            times.append([microseconds for _, _, microseconds in calls.kernels])
        return [
            (name, _shapes(given), [one[place] for one in times[_WARM_UP:]])
            for place, (name, given, _) in enumerate(calls.kernels)
        ]

    def memory(self, model: bytes, folder: str) -> int:
        """Bytes of the storages that activations lie in, as TVM has planned them.

        Args:
            model: library.
            folder: not needed.

        Raises:
            RuntimeMissing: an older edgeprune compiled the library, and did not tell.
        """
        header, _ = unpack(model)
        if "planned_bytes" not in header:
            msg = "the library does not tell the memory of activations: compile it again"
            raise RuntimeMissing(msg)
        return int(header["planned_bytes"])

    def _open(self, model: bytes) -> tuple[dict[str, Any], Any]:
        """A library's header, and the virtual machine that runs it."""
        header, content = unpack(model)
        self._check_version(str(header["tvm"]))
        _check_machine(machine_of(content))
        folder = tempfile.mkdtemp(prefix="edgeprune-")
        try:
            path = os.path.join(folder, LIBRARY)
            with open(path, "wb") as file:
                file.write(content)
            try:
                module = self._library.runtime.load_module(path)
                return header, self._vm.VirtualMachine(module, self._library.cpu())
            except Exception as error:
                raise BuildFailed("tvm cannot load the library: " + str(error)) from error
        finally:
            # What has been loaded stays; the file is not needed any more.
            shutil.rmtree(folder, ignore_errors=True)

    def _run(self, header: dict[str, Any], machine: Any) -> Callable[[], object]:
        device = self._library.cpu()
        inputs = [
            self._library.runtime.tensor(example_input(one), device) for one in header["inputs"]
        ]
        return functools.partial(machine["main"], *inputs)

    def _check_version(self, compiled: str) -> None:
        here = self._library.__version__
        if compiled.split(".")[:2] != here.split(".")[:2]:
            raise BuildFailed(
                "the library was compiled by tvm "
                + compiled
                + ", this device has tvm "
                + here
                + "; install the same: python3 -m pip install apache-tvm=="
                + compiled
            )


class _Calls:
    """The kernels that a virtual machine calls, one after another.

    Attributes:
        kernels: name, tensors and microseconds of each call that called nothing in turn.
    """

    def __init__(self) -> None:
        self.kernels: list[tuple[str, tuple[Any, ...], float]] = []
        self._begun: int | None = None

    def note(self, function: Any, name: str, before: bool, result: Any, *given: Any) -> int:
        """What TVM calls before and after each call."""
        now = time.perf_counter_ns()
        if before:
            self._begun = None if name.startswith(_BUILTIN) else now
        elif self._begun is not None:
            self.kernels.append((name, given, (now - self._begun) / 1e3))
            self._begun = None
        return _GO_ON


def unpack(model: bytes) -> tuple[dict[str, Any], bytes]:
    """Header and shared library of what was sent.

    Raises:
        BuildFailed: it is no such file, or a damaged one.
    """
    try:
        with zipfile.ZipFile(io.BytesIO(model)) as archive:
            header: dict[str, Any] = json.loads(archive.read(HEADER).decode("utf-8"))
            return header, archive.read(LIBRARY)
    except (zipfile.BadZipFile, KeyError, ValueError, EOFError) as error:
        raise BuildFailed("not a TVM library made by edgeprune: " + str(error)) from error


def machine_of(library: bytes) -> str:
    """What processor a shared library is for, as `platform.machine` calls it.

    Raises:
        BuildFailed: it is no ELF file.
    """
    if library[:4] != b"\x7fELF" or len(library) < 20:
        msg = "the library in it is no ELF file"
        raise BuildFailed(msg)
    # The sixth byte tells the order of the others: 1 is little endian.
    (number,) = struct.unpack_from("<H" if library[5] == 1 else ">H", library, 18)
    return _MACHINES.get(number, "ELF machine " + str(number))


def _check_machine(wanted: str) -> None:
    here = platform.machine().lower()
    here = _ALSO_CALLED.get(here, here)
    if here == "aarch64" and struct.calcsize("P") == 4:
        here = "armv7l"
    if wanted != here:
        raise BuildFailed(
            "the library is for " + wanted + ", this device is " + here + "; compile it for "
            "the device's own triple (tvm.target.mtriple)"
        )


def _shapes(tensors: tuple[Any, ...]) -> str:
    shapes = [one.shape for one in tensors if hasattr(one, "shape")]
    return " ".join(",".join(str(int(size)) for size in shape) for shape in shapes)


def example_input(entry: dict[str, Any]) -> Any:
    """A fixed input of the asked type and shape: the one that ONNX Runtime's worker takes."""
    shape, kind = [int(size) for size in entry["shape"]], np.dtype(entry["dtype"])
    if kind.kind == "f":
        return np.random.default_rng(0).standard_normal(shape).astype(kind)
    return np.zeros(shape, kind)
