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
import zipfile
from collections.abc import Callable
from typing import Any

import numpy as np

from .failures import BuildFailed, RuntimeMissing

HEADER, LIBRARY = "library.json", "library.so"
#: ELF's ``e_machine`` -> what `platform.machine` says.
_MACHINES = {62: "x86_64", 183: "aarch64", 40: "armv7l", 3: "i686", 243: "riscv64"}
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
        header, main = self.load(model)
        device = self._library.cpu()
        inputs = [
            self._library.runtime.tensor(example_input(one), device) for one in header["inputs"]
        ]
        return functools.partial(main, *inputs)

    def load(self, model: bytes) -> tuple[dict[str, Any], Callable[..., Any]]:
        """Load a library: its header, and the function that runs it on tensors."""
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
                main = self._vm.VirtualMachine(module, self._library.cpu())["main"]
            except Exception as error:
                raise BuildFailed("tvm cannot load the library: " + str(error)) from error
        finally:
            # What has been loaded stays; the file is not needed any more.
            shutil.rmtree(folder, ignore_errors=True)
        return header, main

    def outputs(self, model: bytes) -> list[Any]:
        """What a library computes from the fixed inputs."""
        found: Any = self.build(model)()
        several = found if not hasattr(found, "numpy") else [found]
        return [one.numpy() for one in several]

    def profile(self, model: bytes, runs: int, folder: str) -> list[tuple[str, str, list[int]]]:
        """Nothing: TVM 0.27 does not tell the times of single kernels inside a network.

        The times found while tuning are on the host, in its database.
        """
        return []

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


def example_input(entry: dict[str, Any]) -> Any:
    """A fixed input of the asked type and shape: the one that ONNX Runtime's worker takes."""
    shape, kind = [int(size) for size in entry["shape"]], np.dtype(entry["dtype"])
    if kind.kind == "f":
        return np.random.default_rng(0).standard_normal(shape).astype(kind)
    return np.zeros(shape, kind)
