"""A device on which a worker runs: starts it, sends it what it lacks, replaces it when lost."""

import hashlib
from collections.abc import Callable
from typing import Any, Self, TypeVar

from edgeprune.config import TargetConfig
from edgeprune.devices import protocol
from edgeprune.devices.connection import (
    Connection,
    StepFailedError,
    StepTimeoutError,
    WorkerLostError,
)
from edgeprune.devices.layer_names import layer_times
from edgeprune.devices.measurement import Comparison, LayerTime
from edgeprune.errors import MeasurementError, TargetError, nearest

_PROFILE_RUNS = 30
#: Runtime of the profile -> its file in ``worker/``.
_RUNTIMES = {"onnxruntime": "onnx_runtime"}

Result = TypeVar("Result")


class RemoteDevice:
    """A target with a worker, which is started once and serves until `close`.

    If the worker dies it is started anew and the measurement begun again, once; one that hangs
    is killed and reported. Not to be used by two threads at a time.

    Args:
        target: its profile.
        spec: execnet's description of the interpreter on it.

    Raises:
        TargetError: no interpreter there, or no runtime.
    """

    def __init__(self, target: TargetConfig, spec: str) -> None:
        if target.runtime not in _RUNTIMES:
            msg = (
                f"target {target.name!r}: unknown runtime {target.runtime!r}; "
                f"allowed: {', '.join(_RUNTIMES)}{nearest(target.runtime, _RUNTIMES)}"
            )
            raise TargetError(msg)
        self._target, self._spec = target, spec
        self._closed = False
        self._facts: dict[str, Any] = {}
        self._connection: Connection | None = self._connect()

    @property
    def worker_pid(self) -> int:
        """Process id of the worker, on its machine."""
        return int(self._facts["pid"])

    def compare(self, candidate: bytes, baseline: bytes) -> Comparison:
        """See `Device.compare`."""
        contents = {_digest(content): content for content in (candidate, baseline)}
        return self._with_restart(
            lambda: protocol.compare(
                self._asker(contents),
                _digest(candidate),
                _digest(baseline),
                self._target.measure,
                self._described(),
            )
        )

    def profile(self, model: bytes) -> list[LayerTime]:
        """See `Device.profile`."""
        digest = _digest(model)
        ask = self._asker({digest: model})

        def kernels() -> Any:
            ask("build", model=digest)
            return ask("profile", model=digest, runs=_PROFILE_RUNS)["kernels"]

        return layer_times(model, self._with_restart(kernels))

    def conditions(self) -> dict[str, Any]:
        """See `Device.conditions`."""
        state = self._with_restart(lambda: self._asker({})("state"))
        clock = "thread" if self._facts["single_thread"] else "wall"
        return {**self._described(), "clock": clock, **state}

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
        settings = {"threads": self._target.threads}
        runtime = _RUNTIMES[self._target.runtime]
        timeout_s = self._target.measure.timeout_s
        try:
            connection = Connection(self._spec, runtime, settings, timeout_s)
            self._facts = connection.ask("start")
        except WorkerLostError as error:
            msg = self._text(f"the worker could not be started: {error}")
            raise TargetError(msg) from error
        except StepTimeoutError as error:
            msg = self._text(f"the worker did not start within {timeout_s:g} s (measure.timeout_s)")
            raise TargetError(msg) from error
        except StepFailedError as error:
            connection.close()
            raise TargetError(self._text(str(error))) from error
        return connection

    def _drop(self) -> None:
        connection, self._connection = self._connection, None
        if connection is not None:
            connection.close()

    def _text(self, what: str) -> str:
        return f"target {self._target.name!r}: {what}"


def _digest(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()
