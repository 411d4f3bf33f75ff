"""TensorFlow Lite on the device: ai-edge-litert, or the older and smaller tflite-runtime."""

from __future__ import annotations

import importlib
import io
import math
import re
import time
import zipfile
from collections.abc import Callable
from typing import Any

import numpy as np

from .failures import BuildFailed, RuntimeMissing

#: Package and its module with the interpreter, the preferred one first.
_PACKAGES = (("ai_edge_litert", "ai-edge-litert"), ("tflite_runtime", "tflite-runtime"))
#: What the runtime says of an operator that is newer than itself.
_NEWER = re.compile(r"find op for builtin opcode '(\w+)' version '(\d+)'")
#: Numbers in an input: an image has a few million.
_LARGEST_INPUT = 2**26
#: Tensors in the arena begin at multiples of so many bytes from its own beginning.
_ALIGNMENT = 64


class Runtime:
    """Builds and runs TFLite files.

    Args:
        settings: ``threads``; ``xnnpack``, whether its kernels are used; ``delegates``, paths of
            other delegates' libraries.
    """

    def __init__(self, settings: dict[str, Any]) -> None:
        failures = []
        for module, package in _PACKAGES:
            try:
                self._library = importlib.import_module(module + ".interpreter")
                self._version = _version(package, module)
                self._name = package
                break
            except ImportError as error:
                failures.append(str(error))
        else:
            raise RuntimeMissing(
                "neither ai-edge-litert nor tflite-runtime can be imported ("
                + "; ".join(failures)
                + "); install one: python3 -m pip install ai-edge-litert"
            )
        self._threads = int(settings["threads"])
        self._xnnpack = bool(settings.get("xnnpack", True))
        self._delegates = [self._load_delegate(path) for path in settings.get("delegates") or ()]

    def describe(self) -> dict[str, Any]:
        """Name, version and delegates; whether a run is the calling thread's work alone."""
        return {
            "runtime": "tflite",
            "library": self._name,
            "version": self._version,
            "xnnpack": self._xnnpack,
            "threads": self._threads,
            "single_thread": self._threads == 1 and not self._delegates,
        }

    def build(self, model: bytes) -> Callable[[], object]:
        """Load a model and set its fixed inputs; the result runs it once."""
        return self._open(model)[1]

    def outputs(self, model: bytes) -> list[Any]:
        """What a model computes from the fixed inputs."""
        interpreter, run = self._open(model)
        run()
        return [interpreter.get_tensor(one["index"]) for one in interpreter.get_output_details()]

    def profile(self, model: bytes, runs: int, folder: str) -> list[tuple[str, str, list[float]]]:
        """Times of the operators, each a file of its own: run in turns, in the network's order.

        Args:
            model: a zip archive of TFLite files, by name and operator.
            runs: how many runs, after three that are not counted.
            folder: an empty folder; not used.

        Returns:
            For each file, in order, its name, operator and microseconds per run.
        """
        with zipfile.ZipFile(io.BytesIO(model)) as archive:
            names = archive.namelist()
            opened = [self._open(archive.read(name))[0] for name in names]
        given = [
            [(entry["index"], _example(entry)) for entry in interpreter.get_input_details()]
            for interpreter in opened
        ]
        made = [
            [entry["index"] for entry in interpreter.get_output_details()] for interpreter in opened
        ]
        now = time.thread_time_ns if self._threads == 1 else time.perf_counter_ns
        times: list[list[float]] = [[] for _ in names]
        for _ in range(runs + 3):
            for index, interpreter in enumerate(opened):
                # Inside the network an operator's input has just been written, and its output lies
                # where another tensor was: both are in the cache, and weights may not be.
                for tensor in made[index]:
                    interpreter.get_tensor(tensor)
                for tensor, values in given[index]:
                    interpreter.set_tensor(tensor, values)
                start = now()
                interpreter.invoke()
                times[index].append((now() - start) / 1e3)
        found = []
        for index, entry in enumerate(names):
            name, operator = entry.split("\n", 1)
            found.append((name, operator, times[index][-runs:]))
        return found

    def memory(self, model: bytes, folder: str) -> int:
        """Size of the arena that activations lie in: from its first byte to its last.

        Args:
            model: TFLite file.
            folder: not needed.

        Raises:
            RuntimeMissing: activations lie in a delegate's own memory, which it tells nobody.
        """
        if self._xnnpack or self._delegates:
            msg = (
                "the memory of activations is told by nobody where a delegate runs the network: "
                "allowed: tflite.xnnpack false in the profile, and no tflite.delegates"
            )
            raise RuntimeMissing(msg)
        interpreter, run = self._open(model)
        run()
        file = _address(np.frombuffer(model, np.uint8))
        places = []
        for entry in interpreter.get_tensor_details():
            try:
                array = interpreter.tensor(entry["index"])()
            except ValueError:  # it has no memory: what made it was fused away
                continue
            begin = _address(array)
            if not file <= begin < file + len(model):  # weights lie in the file
                places.append((begin, begin + array.nbytes))
        return _largest_block(places)

    def _open(self, model: bytes) -> tuple[Any, Callable[[], object]]:
        # The interpreter ends the process on some broken files: this is what it looks at first.
        if model[4:8] != b"TFL3":
            msg = "not a TFLite file: TFL3 is not where it should be"
            raise BuildFailed(msg)
        kinds = self._library.OpResolverType
        kernels = kinds.AUTO if self._xnnpack else kinds.BUILTIN_WITHOUT_DEFAULT_DELEGATES
        try:
            interpreter = self._library.Interpreter(
                model_content=model,
                num_threads=self._threads,
                experimental_delegates=self._delegates or None,
                experimental_op_resolver_type=kernels,
            )
            interpreter.allocate_tensors()
        except (ValueError, RuntimeError) as error:
            raise BuildFailed(self._refusal(str(error))) from error
        for entry in interpreter.get_input_details():
            interpreter.set_tensor(entry["index"], _example(entry))
        return interpreter, interpreter.invoke

    def _refusal(self, said: str) -> str:
        """Why a model is not taken; a runtime older than the file is called that."""
        newer = _NEWER.search(said)
        if newer is None:
            return "tflite cannot load the model: " + said
        return (
            f"{self._name} {self._version} is too old for the file: it has no {newer.group(1)} of "
            f"version {newer.group(2)}; install a newer one: python3 -m pip install --upgrade "
            f"{self._name}"
        )

    def _load_delegate(self, path: str) -> Any:
        try:
            return self._library.load_delegate(path)
        except (ValueError, OSError, RuntimeError) as error:
            raise RuntimeMissing("the delegate " + path + " cannot be loaded: " + str(error)) from (
                error
            )


def _address(array: Any) -> int:
    return int(array.__array_interface__["data"][0])


def _largest_block(places: list[tuple[int, int]]) -> int:
    """Bytes of the largest block in which tensors lie.

    The arena puts a tensor at its beginning or behind another one, at the next multiple of its
    alignment. What lies further away is on the heap, and not the arena's.
    """
    largest = begin = end = 0
    for start, stop in sorted(places):
        if start - begin > math.ceil((end - begin) / _ALIGNMENT) * _ALIGNMENT:
            begin = end = start
        end = max(end, stop)
        largest = max(largest, end - begin)
    return largest


def _example(entry: dict[str, Any]) -> Any:
    """A fixed input of the asked type and shape."""
    shape, kind = [int(size) for size in entry["shape"]], np.dtype(entry["dtype"])
    if math.prod(shape) > _LARGEST_INPUT:
        msg = f"input {entry['name']!r} is {shape}: more than {_LARGEST_INPUT} numbers"
        raise BuildFailed(msg)
    if kind.kind == "f":
        return np.random.default_rng(0).standard_normal(shape).astype(kind)
    return np.zeros(shape, kind)


def _version(package: str, module: str) -> str:
    """The installed version; the package's metadata may be absent on a device."""
    try:
        from importlib import metadata

        return metadata.version(package)
    except Exception:
        return str(getattr(importlib.import_module(module), "__version__", "unknown"))
