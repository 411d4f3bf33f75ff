"""ONNX Runtime on the device.

Every runtime file has a class ``Runtime`` with the three methods of this one.

Threads: ``intra_op_num_threads`` as the target says, one inter-op thread, nodes in sequence. With
several threads ONNX Runtime's pool spins while it waits for work, as it does in deployment, but
stops spinning when a run ends (``session.force_spinning_stop``): otherwise the pool of the model
that has just run would take cores from the one that runs next.
"""

from __future__ import annotations

import functools
import json
import math
import os
from collections.abc import Callable
from typing import Any

import numpy as np

from .failures import BuildFailed, RuntimeMissing

# Read when the library loads, hence before its import; onnxruntime sends telemetry otherwise.
os.environ["ORT_DISABLE_TELEMETRY"] = "1"

_CPU = "CPUExecutionProvider"
_KERNEL = "_kernel_time"
#: What a kernel's event tells of the arena, and an arena that grows by what it is asked for.
_PEAK = "mem_in_use_peak"
_TIGHT = {
    "max_mem": 0,
    "arena_extend_strategy": 1,
    "initial_chunk_size_bytes": -1,
    "max_dead_bytes_per_chunk": 1,
}
_FLOATS = {
    "tensor(float)": np.float32,
    "tensor(double)": np.float64,
    "tensor(float16)": np.float16,
}
_INTEGERS = {
    "tensor(int64)": np.int64,
    "tensor(int32)": np.int32,
    "tensor(int8)": np.int8,
    "tensor(uint8)": np.uint8,
    "tensor(bool)": np.bool_,
}
#: Numbers in an input: an image has a few million.
_LARGEST_INPUT = 2**26


class Runtime:
    """Builds, runs and profiles ONNX files.

    Args:
        settings: ``threads``, the number of intra-op threads; ``providers`` in the order of
            preference; ``provider_options`` by provider.
    """

    def __init__(self, settings: dict[str, Any]) -> None:
        try:
            import onnxruntime
        except ImportError as error:
            raise RuntimeMissing(
                "onnxruntime cannot be imported ("
                + str(error)
                + "); install it: python3 -m pip install onnxruntime"
            ) from error
        onnxruntime.set_default_logger_severity(4)
        self._library = onnxruntime
        self._threads = int(settings["threads"])
        self._providers = list(settings.get("providers") or [_CPU])
        self._provider_options = settings.get("provider_options") or {}
        present = onnxruntime.get_available_providers()
        absent = [name for name in self._providers if name not in present]
        if absent:
            raise RuntimeMissing(
                "this onnxruntime has no " + ", ".join(absent) + "; it has " + ", ".join(present)
            )

    def describe(self) -> dict[str, Any]:
        """Name, version and providers; whether a run is the calling thread's work alone."""
        return {
            "runtime": "onnxruntime",
            "version": self._library.__version__,
            "providers": self._providers,
            "threads": self._threads,
            "single_thread": self._threads == 1 and self._providers == [_CPU],
        }

    def build(self, model: bytes) -> Callable[[], object]:
        """Load a model; the result runs it once on fixed inputs."""
        return self._open(model, self._options())[1]

    def outputs(self, model: bytes) -> list[Any]:
        """What a model computes from the fixed inputs."""
        found: Any = self._open(model, self._options())[1]()
        return list(found)

    def profile(self, model: bytes, runs: int, folder: str) -> list[tuple[str, str, list[int]]]:
        """Kernel times of single runs.

        Args:
            model: ONNX file.
            runs: how many runs, after five that are not counted.
            folder: an empty folder for the runtime's own trace; left empty.

        Returns:
            For each kernel, in execution order, its name, operator and microseconds per run.
        """
        events = self._traced(model, self._options(), runs + 5, folder)
        kernels: dict[tuple[str, str], tuple[str, str, list[int]]] = {}
        for event in events:
            name = event.get("name", "")
            if not name.endswith(_KERNEL):
                continue
            arguments = event.get("args", {})
            key = (name, arguments.get("node_index", ""))
            operator = arguments.get("op_name", "")
            kernel = kernels.setdefault(key, (name[: -len(_KERNEL)], operator, []))
            kernel[2].append(event["dur"])
        return [(name, operator, times[-runs:]) for name, operator, times in kernels.values()]

    def memory(self, model: bytes, folder: str) -> int:
        """Most bytes that activations take at once, by the arena's own statistics.

        The arena grows by what it is asked for alone, so that no slack counts; what it holds
        before the first kernel, such as weights, is taken off. The second run is the one that
        tells: the first finds out which tensors are there at once.

        Args:
            model: ONNX file.
            folder: an empty folder for the runtime's own trace; left empty.

        Raises:
            RuntimeMissing: this version does not tell.
        """
        library = self._library
        kinds = library.OrtAllocatorType, library.OrtMemType
        place = library.OrtMemoryInfo("Cpu", kinds[0].ORT_ARENA_ALLOCATOR, 0, kinds[1].DEFAULT)
        # Registering it anew begins its statistics anew; a session alone uses it.
        library.create_and_register_allocator(place, library.OrtArenaCfg(_TIGHT))
        options = self._options()
        options.add_session_config_entry("session.use_env_allocators", "1")
        events = self._traced(model, options, 2, folder)
        arguments = [event["args"] for event in events if event["name"].endswith(_KERNEL)]
        if not arguments or _PEAK not in arguments[-1]:
            raise RuntimeMissing(
                "onnxruntime "
                + library.__version__
                + " does not tell the memory of activations; 1.31 does"
            )
        first = arguments[0]
        held = int(first["mem_bytes_in_use"]) - int(first["mem_in_use_delta"])
        return int(arguments[-1][_PEAK]) - held

    def _traced(self, model: bytes, options: Any, runs: int, folder: str) -> list[dict[str, Any]]:
        """The runtime's own trace of some runs: its nodes' events."""
        options.enable_profiling = True
        options.profile_file_prefix = os.path.join(folder, "trace")
        session, run = self._open(model, options)
        for _ in range(runs):
            run()
        trace = session.end_profiling()
        with open(trace, encoding="utf-8") as file:
            events = json.load(file)
        os.remove(trace)
        return [event for event in events if event.get("cat") == "Node"]

    def _options(self) -> Any:
        options = self._library.SessionOptions()
        options.intra_op_num_threads = self._threads
        options.inter_op_num_threads = 1
        options.execution_mode = self._library.ExecutionMode.ORT_SEQUENTIAL
        options.graph_optimization_level = self._library.GraphOptimizationLevel.ORT_ENABLE_ALL
        options.log_severity_level = 4
        options.add_session_config_entry("session.force_spinning_stop", "1")
        if _CPU not in self._providers:
            # What a provider cannot take would be run by the CPU without a word.
            options.add_session_config_entry("session.disable_cpu_ep_fallback", "1")
        return options

    def _open(self, model: bytes, options: Any) -> tuple[Any, Callable[[], object]]:
        try:
            session = self._library.InferenceSession(
                model,
                options,
                providers=[
                    (name, self._provider_options.get(name, {})) for name in self._providers
                ],
            )
        except Exception as error:
            raise BuildFailed("onnxruntime cannot load the model: " + str(error)) from error
        used = session.get_providers()
        unused = [name for name in self._providers if name not in used]
        if unused:
            raise BuildFailed(
                "onnxruntime did not start "
                + ", ".join(unused)
                + " and fell back to "
                + ", ".join(used)
            )
        feeds = {entry.name: _example(entry) for entry in session.get_inputs()}
        return session, functools.partial(session.run, None, feeds)


def _example(entry: Any) -> Any:
    """A fixed input of the asked type and shape; dimensions left open are 1."""
    shape = [size if isinstance(size, int) and size > 0 else 1 for size in entry.shape]
    if math.prod(shape) > _LARGEST_INPUT:
        msg = f"input {entry.name!r} is {shape}: more than {_LARGEST_INPUT} numbers"
        raise BuildFailed(msg)
    if entry.type in _FLOATS:
        # Not zeros: some kernels take short cuts on them.
        values = np.random.default_rng(0).standard_normal(shape)
        return values.astype(_FLOATS[entry.type])
    if entry.type in _INTEGERS:
        return np.zeros(shape, _INTEGERS[entry.type])
    allowed = ", ".join([*_FLOATS, *_INTEGERS])
    msg = f"input {entry.name!r} is a {entry.type}; allowed: {allowed}"
    raise BuildFailed(msg)
