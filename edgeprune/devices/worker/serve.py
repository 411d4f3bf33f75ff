"""The worker's loop: one request, one answer, until the parent goes away.

A request is a dict with ``step`` and that step's arguments. The answer is a dict; ``missing``
in it lists artifacts to be sent first, ``failure`` and ``message`` tell what went wrong.
"""

from __future__ import annotations

import collections
import errno
import os
import queue
import shutil
import tempfile
import time
from collections.abc import Callable
from typing import Any

from . import conditions, energy
from .failures import BuildFailed, RuntimeMissing
from .timing import time_pairs

#: Models kept on the device; the least recently used goes first.
KEPT_MODELS = 4
_FAILURES = {RuntimeMissing: "runtime", BuildFailed: "build"}


class Model:
    """An artifact on the device, and its session once it has been built."""

    def __init__(self, content: bytes) -> None:
        self.content = content
        self.run: Callable[[], object] | None = None
        self.build_ms = 0.0


class Worker:
    """Answers requests; every public method but `answer` is a step."""

    def __init__(self, runtime: Callable[[dict[str, Any]], Any], settings: dict[str, Any]) -> None:
        self._make_runtime, self._settings = runtime, settings
        self._runtime: Any = None
        self._models: collections.OrderedDict[str, Model] = collections.OrderedDict()
        self.folder: str | None = None

    def answer(self, request: dict[str, Any]) -> dict[str, Any]:
        """Do what one request asks; failures become answers."""
        arguments = dict(request)
        try:
            step = arguments.pop("step")
            needed = [arguments[name] for name in ("model", "other") if name in arguments]
            missing = [digest for digest in needed if digest not in self._models]
            if missing:
                return {"missing": missing}
            for digest in needed:
                self._models.move_to_end(digest)
            result: dict[str, Any] = getattr(self, step)(**arguments)
            return result
        except OSError as error:
            if error.errno != errno.ENOSPC:
                return {"failure": "crash", "message": repr(error)}
            where = tempfile.gettempdir()
            return {"failure": "build", "message": "no space is left on the device in " + where}
        except MemoryError:
            return {"failure": "crash", "message": "the device is out of memory"}
        except Exception as error:
            message = str(error) if type(error) in _FAILURES else repr(error)
            return {"failure": _FAILURES.get(type(error), "crash"), "message": message}

    def start(self) -> dict[str, Any]:
        """Load the runtime; what is here."""
        if self._settings.get("affinity"):
            os.sched_setaffinity(0, self._settings["affinity"])
        self._runtime = self._make_runtime(self._settings)
        return dict(conditions.machine(), pid=os.getpid(), **self._runtime.describe())

    def state(self) -> dict[str, Any]:
        """Clock, governor, temperature and load now."""
        return conditions.state()

    def put(self, digest: str, content: bytes) -> dict[str, Any]:
        """Keep an artifact."""
        self._models[digest] = Model(content)
        while len(self._models) > KEPT_MODELS:
            self._models.popitem(last=False)
        return {}

    def build(self, model: str, again: bool = False) -> dict[str, Any]:
        """Build a session and run it once, so that a model that cannot run fails here.

        One that was built before is taken as it is, unless it is to be built again.
        """
        entry = self._models[model]
        if entry.run is None or again:
            start = time.perf_counter()
            run = self._runtime.build(entry.content)
            entry.build_ms = (time.perf_counter() - start) * 1e3
            try:
                run()
            except Exception as error:
                raise BuildFailed("the model loads but does not run: " + str(error)) from error
            entry.run = run
        return {"build_ms": entry.build_ms}

    def measure(self, model: str, other: str, pairs: int, seconds: float) -> dict[str, Any]:
        """Time two models that have been built, in turns."""
        first, second = self._models[model].run, self._models[other].run
        if first is None or second is None:
            msg = "timed before it was built"
            raise BuildFailed(msg)
        return time_pairs(first, second, pairs, seconds)

    def outputs(self, model: str) -> dict[str, Any]:
        """What a model computes from its fixed example inputs."""
        found = self._runtime.outputs(self._models[model].content)
        return {
            "outputs": [
                {"shape": list(one.shape), "dtype": one.dtype.str, "content": one.tobytes()}
                for one in found
            ]
        }

    def profile(self, model: str, runs: int) -> dict[str, Any]:
        """Kernel times of a model; none where the runtime cannot tell."""
        self.folder = tempfile.mkdtemp(prefix="edgeprune-")
        try:
            kernels = self._runtime.profile(self._models[model].content, runs, self.folder)
        finally:
            self.clean()
        return {"kernels": kernels}

    def memory(self, model: str) -> dict[str, Any]:
        """Most bytes that a model's activations take at once."""
        if not hasattr(self._runtime, "memory"):
            raise RuntimeMissing(
                "runtime "
                + str(self._runtime.describe().get("runtime"))
                + " does not tell the memory of activations"
            )
        self.folder = tempfile.mkdtemp(prefix="edgeprune-")
        try:
            return {"bytes": self._runtime.memory(self._models[model].content, self.folder)}
        finally:
            self.clean()

    def energy(self, model: str, seconds: float) -> dict[str, Any]:
        """Joules of one run of a model that has been built."""
        run = self._models[model].run
        if run is None:
            msg = "measured before it was built"
            raise BuildFailed(msg)
        return {"joules": energy.joules(run, seconds)}

    def clean(self) -> None:
        """Remove the folder of a trace."""
        if self.folder is not None:
            shutil.rmtree(self.folder, ignore_errors=True)
            self.folder = None


def serve(channel: Any, runtime: Callable[[dict[str, Any]], Any], settings: dict[str, Any]) -> None:
    """Answer requests until the connection ends, then leave at once, even mid-run.

    Args:
        channel: execnet's channel to the parent.
        runtime: the runtime's class.
        settings: what it is made with.
    """
    worker = Worker(runtime, settings)
    requests: queue.Queue[dict[str, Any]] = queue.Queue()

    def receive(request: dict[str, Any] | None) -> None:
        if request is None:
            # Runs in execnet's thread: the main thread may be inside a run that hangs.
            worker.clean()
            os._exit(0)
        requests.put(request)

    channel.setcallback(receive, endmarker=None)
    while True:
        channel.send(worker.answer(requests.get()))
