"""A device on which a worker runs: starts it, sends it what it lacks, replaces it when lost."""

import hashlib
from collections.abc import Callable
from typing import Any, Self, TypeVar

import numpy as np

from edgeprune.config import TargetConfig
from edgeprune.devices import protocol
from edgeprune.devices.artifacts import Artifact, Note, quiet
from edgeprune.devices.connection import (
    Connection,
    StepFailedError,
    StepTimeoutError,
    WorkerLostError,
)
from edgeprune.devices.interpreter import Interpreter
from edgeprune.devices.layer_names import layer_times
from edgeprune.devices.measurement import Comparison, LayerTime
from edgeprune.devices.runtimes import runtime_of
from edgeprune.errors import MeasurementError, TargetError

_PROFILE_RUNS = 30
#: What `platform.machine` calls an architecture elsewhere.
_ALSO_CALLED = {"arm64": "aarch64", "amd64": "x86_64", "armv8l": "armv7l"}

_MENDS = {
    "No module named 'numpy'": "install it on the device: sudo apt install python3-numpy, or "
    "python3 -m pip install numpy",
    "SyntaxError": "the device's Python is too old; 3.8 or later is needed",
}

Result = TypeVar("Result")


class RemoteDevice:
    """A target with a worker, which is started once and serves until `close`.

    If the worker dies it is started anew and the measurement begun again, once; one that hangs
    is killed and reported. Not to be used by two threads at a time.

    Args:
        target: its profile.
        interpreter: the Python on it.
        note: told what takes long.

    Raises:
        TargetError: no Python there, no runtime, or another architecture than the profile says.
    """

    def __init__(self, target: TargetConfig, interpreter: Interpreter, note: Note = quiet) -> None:
        self._target, self._interpreter, self._note = target, interpreter, note
        self._runtime, self._closed = runtime_of(target), False
        self._facts: dict[str, Any] = {}
        self._connection: Connection | None = self._connect()

    @property
    def worker_pid(self) -> int:
        """Process id of the worker, on its machine."""
        return int(self._facts["pid"])

    def compare(self, candidate: bytes, baseline: bytes) -> Comparison:
        """See `Device.compare`."""
        new, old = (self._artifact(model) for model in (candidate, baseline))
        contents = {_digest(one.content): one.content for one in (new, old)}
        digests = _digest(new.content), _digest(old.content)
        facts = self._described() | old.facts | new.facts
        return self._with_restart(
            lambda: protocol.compare(self._asker(contents), *digests, self._target, facts)
        )

    def outputs(self, model: bytes) -> list[np.ndarray]:
        """What a model computes from the fixed example inputs.

        Raises:
            MeasurementError: as `compare`.
        """
        content = self._artifact(model).content
        digest = _digest(content)
        ask = self._asker({digest: content})
        found = self._with_restart(lambda: ask("outputs", model=digest)["outputs"])
        return [np.frombuffer(one["content"], one["dtype"]).reshape(one["shape"]) for one in found]

    def profile(self, model: bytes) -> list[LayerTime]:
        """See `Device.profile`."""
        content = self._artifact(model).content
        digest = _digest(content)
        ask = self._asker({digest: content})

        def kernels() -> Any:
            ask("build", model=digest)
            return ask("profile", model=digest, runs=_PROFILE_RUNS)["kernels"]

        found = self._with_restart(kernels)
        return layer_times(model, found) if found else []

    def conditions(self) -> dict[str, Any]:
        """See `Device.conditions`."""
        state = self._with_restart(lambda: self._asker({})("state"))
        clock = "thread" if self._facts["single_thread"] else "wall"
        if self._facts["clock_kind"] != "real":
            clock = self._facts["clock_kind"]
        return {**self._described(), "clock": clock, **state}

    def _artifact(self, model: bytes) -> Artifact:
        return self._runtime.artifact(self._target, model, self._note)

    def close(self) -> None:
        """See `Device.close`."""
        self._closed = True
        self._drop()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _described(self) -> dict[str, Any]:
        facts = {key: value for key, value in self._facts.items() if key != "pid"}
        return {"kind": self._target.kind, "precision": self._target.precision, **facts}

    def _asker(self, contents: dict[str, bytes]) -> protocol.Ask:
        """Ask the worker; it gets the contents that it says it lacks, by digest."""

        def ask(step: str, **arguments: Any) -> dict[str, Any]:
            if self._connection is None:
                self._connection = self._connect()
            answer = self._connection.ask(step, **arguments)
            while answer.get("missing"):
                for digest in answer["missing"]:
                    self._connection.ask("put", digest=digest, content=contents[digest])
                answer = self._connection.ask(step, **arguments)
            return answer

        return ask

    def _with_restart(self, action: Callable[[], Result]) -> Result:
        if self._closed:
            msg = f"target {self._target.name!r} has been closed"
            raise TargetError(msg)
        losses: list[str] = []
        while len(losses) < 2:
            try:
                return action()
            except WorkerLostError as error:
                self._drop()
                losses.append(str(error))
            except StepTimeoutError as error:
                self._drop()
                msg = self._text(
                    f"the worker did not finish {str(error)!r} within "
                    f"{self._target.measure.timeout_s:g} s and was killed (measure.timeout_s)"
                )
                raise MeasurementError(msg) from error
            except StepFailedError as error:
                kind = TargetError if error.failure == "runtime" else MeasurementError
                raise kind(self._text(str(error))) from error
            except BaseException:
                self._drop()
                raise
        msg = self._text(f"the worker was lost, and lost again: {'; then '.join(losses)}")
        raise MeasurementError(msg)

    def _connect(self) -> Connection:
        affinity = list(self._target.environment.affinity)
        own = self._runtime.settings(self._target)
        settings = {**own, "threads": self._target.threads, "affinity": affinity}
        timeout_s = self._target.measure.timeout_s
        try:
            connection = Connection(self._interpreter, self._runtime.worker, settings, timeout_s)
            self._facts = connection.ask("start")
        except WorkerLostError as error:
            msg = self._text(f"the worker could not be started: {_with_mend(str(error))}")
            raise TargetError(msg) from error
        except StepTimeoutError as error:
            msg = self._text(f"the worker did not start within {timeout_s:g} s (measure.timeout_s)")
            raise TargetError(msg) from error
        except StepFailedError as error:
            connection.close()
            raise TargetError(self._text(str(error))) from error
        try:
            self._check_facts()
        except TargetError:
            connection.close()
            raise
        return connection

    def _check_facts(self) -> None:
        """The device is what the profile says."""
        found, wanted = self._facts["machine"].lower(), self._target.architecture
        if wanted is not None and _ALSO_CALLED.get(found, found) != wanted:
            msg = self._text(f"the device is {found}; its profile says architecture: {wanted}")
            raise TargetError(msg)

    def _drop(self) -> None:
        connection, self._connection = self._connection, None
        if connection is not None:
            connection.close()

    def _text(self, what: str) -> str:
        return f"target {self._target.name!r}: {what}"


def _with_mend(text: str) -> str:
    """What a Python on a device says before the worker runs, with what mends it."""
    for sign, mend in _MENDS.items():
        if sign in text:
            return f"{text}; {mend}"
    return text


def _digest(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()
