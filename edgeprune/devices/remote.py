"""A device on which a worker runs: starts it, sends it what it lacks, replaces it when lost."""

import hashlib
import time
from collections import defaultdict
from collections.abc import Callable
from typing import Any, Self, TypeVar

import numpy as np

from edgeprune.config import TargetConfig
from edgeprune.devices import protocol
from edgeprune.devices.answers import NonsenseError
from edgeprune.devices.artifacts import Artifact, Note, quiet
from edgeprune.devices.connection import (
    Connection,
    StepFailedError,
    StepTimeoutError,
    WorkerLostError,
)
from edgeprune.devices.facts import with_mend, wrong_device
from edgeprune.devices.interpreter import Interpreter
from edgeprune.devices.measurement import Comparison, LayerTime
from edgeprune.devices.runtimes import runtime_of
from edgeprune.devices.usual import Usual
from edgeprune.errors import (
    DeviceFailedError,
    MeasurementError,
    TargetError,
    UnreachableError,
)

_PROFILE_RUNS = 30
#: How often a comparison is made anew in which the baseline takes longer than it usually does.
_MOST_ANEW = 2
#: How long a model runs while its energy is measured: sensors tell a new value every millisecond.
_ENERGY_S = 1.0

Result = TypeVar("Result")


class RemoteDevice:
    """A target with a worker, which is started once and serves until `close`.

    If the worker dies it is started anew and the measurement begun again, once; one that hangs or
    answers nonsense is killed and reported, and so is one that takes too long in all. Not to be
    used by two threads at a time, but for `close`.

    Args:
        target: its profile.
        interpreter: the Python on it.
        note: told what takes long.

    Raises:
        UnreachableError: no Python there, or it does not answer.
        TargetError: no runtime, or another architecture than the profile says.
    """

    def __init__(self, target: TargetConfig, interpreter: Interpreter, note: Note = quiet) -> None:
        self._target, self._interpreter, self._note = target, interpreter, note
        self._runtime, self._closed = runtime_of(target), False
        self._facts: dict[str, Any] = {}
        self._compared: tuple[str, ...] | None = None
        self._usual: defaultdict[str, Usual] = defaultdict(Usual)
        self._connection: Connection | None = self._connect()

    @property
    def worker_pid(self) -> int:
        """Process id of the worker, on its machine."""
        return int(self._facts["pid"])

    def compare(self, candidate: bytes, baseline: bytes) -> Comparison:
        """See `Device.compare`; anew where the baseline says that the moment was a bad one."""
        new, old = (self._artifact(model) for model in (candidate, baseline))
        digests = _digest(new.content), _digest(old.content)
        contents = dict(zip(digests, (new.content, old.content), strict=True))
        facts = self._described() | old.facts | new.facts
        usual = self._usual[digests[1]]
        found = self._compared_once(digests, contents, facts)
        for _ in range(_MOST_ANEW):
            if not usual.exceeded(found.baseline.level_ms):
                break
            anew = self._compared_once(digests, contents, facts)
            found = min(found, anew, key=lambda one: one.baseline.level_ms)
        usual.add(found.baseline.level_ms)
        return found

    def _compared_once(
        self, digests: tuple[str, str], contents: dict[str, bytes], facts: dict[str, Any]
    ) -> Comparison:
        # Where a network's weights and activations come to lie moves its latency by a hundredth:
        # what is measured once more is loaded once more. A clock that counts knows none of that.
        again = digests == self._compared and facts["clock_kind"] == "real"
        self._compared = digests
        return self._with_restart(
            lambda ask: protocol.compare(ask, *digests, self._target, facts, again=again), contents
        )

    def outputs(self, model: bytes) -> list[np.ndarray]:
        """What a model computes from the fixed example inputs.

        Raises:
            MeasurementError: as `compare`.
        """
        content = self._artifact(model).content
        digest = _digest(content)
        found = self._with_restart(
            lambda ask: ask("outputs", model=digest)["outputs"], {digest: content}
        )
        try:
            return [
                np.frombuffer(one["content"], one["dtype"]).reshape(one["shape"]) for one in found
            ]
        except (TypeError, ValueError) as error:
            msg = self._text(f"the worker's outputs are no arrays: {error}")
            raise DeviceFailedError(msg) from error

    def profile(self, model: bytes) -> list[LayerTime]:
        """See `Device.profile`."""
        cut_up = self._runtime.profiled
        content = self._artifact(model).content if cut_up is None else cut_up(model)
        digest = _digest(content)

        def kernels(ask: protocol.Ask) -> Any:
            if cut_up is None:
                ask("build", model=digest)
            return ask("profile", model=digest, runs=_PROFILE_RUNS)["kernels"]

        found = self._with_restart(kernels, {digest: content})
        return self._runtime.layers(model, found) if found else []

    def peak_memory(self, model: bytes) -> int:
        """See `edgeprune.devices.meters.Meter`."""
        content = self._artifact(model).content
        digest = _digest(content)
        found = self._with_restart(
            lambda ask: ask("memory", model=digest)["bytes"], {digest: content}
        )
        return int(found)

    def energy(self, model: bytes) -> float:
        """See `edgeprune.devices.meters.Meter`."""
        content = self._artifact(model).content
        digest = _digest(content)

        def spent(ask: protocol.Ask) -> float:
            ask("build", model=digest)
            return float(ask("energy", model=digest, seconds=_ENERGY_S)["joules"])

        return self._with_restart(spent, {digest: content})

    def conditions(self) -> dict[str, Any]:
        """See `Device.conditions`."""
        state = dict(self._with_restart(lambda ask: ask("state"), {}))
        state.pop("clock_s", None)  # of use beside another reading alone
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

    def _asker(self, contents: dict[str, bytes], end: float) -> protocol.Ask:
        """Ask the worker, until `end` by our clock; what it says it lacks it gets, once."""

        def ask(step: str, **arguments: Any) -> dict[str, Any]:
            if self._connection is None:
                self._connection = self._connect()
            answer = self._within(end, step, **arguments)
            for digest in answer.get("missing", ()):
                if digest not in contents:
                    msg = f"asked for {digest[:80]!r}, which it was never told of"
                    raise NonsenseError(msg)
                self._within(end, "put", digest=digest, content=contents[digest])
            if "missing" in answer:
                answer = self._within(end, step, **arguments)
            if "missing" in answer:
                msg = f"lacks what it was sent: {answer['missing']}"
                raise NonsenseError(msg)
            return answer

        return ask

    def _within(self, end: float, step: str, **arguments: Any) -> dict[str, Any]:
        """One step, which takes no longer than a step may, nor than is left of the whole."""
        left = end - time.monotonic()
        if self._closed or self._connection is None or left <= 0:
            raise StepTimeoutError(step)
        within_s = min(left, self._target.measure.timeout_s)
        return self._connection.ask(step, within_s=within_s, **arguments)

    def _with_restart(
        self, action: Callable[[protocol.Ask], Result], contents: dict[str, bytes]
    ) -> Result:
        losses: list[str] = []
        end = time.monotonic() + self._target.measure.limit_s
        while len(losses) < 2:
            self._refuse_closed()
            try:
                return action(self._asker(contents, end))
            except WorkerLostError as error:
                self._drop()
                losses.append(str(error))
            except StepTimeoutError as error:
                self._drop()
                self._refuse_closed()
                raise self._late(str(error), end) from error
            except NonsenseError as error:
                self._drop()
                msg = self._text(f"the worker {error}; it was ended")
                raise DeviceFailedError(msg) from error
            except StepFailedError as error:
                raise self._failed(error) from error
            except BaseException:
                self._drop()
                raise
        msg = self._text(f"the worker was lost, and lost again: {'; then '.join(losses)}")
        raise DeviceFailedError(msg)

    def _refuse_closed(self) -> None:
        if self._closed:
            msg = f"target {self._target.name!r} has been closed"
            raise TargetError(msg)

    def _late(self, step: str, end: float) -> MeasurementError:
        """The error of a step that did not end in time; trying again is of use after a hang."""
        measure = self._target.measure
        if time.monotonic() >= end:
            return MeasurementError(
                self._text(
                    f"no measurement within {measure.limit_s:g} s; the worker was killed in "
                    f"{step!r} (measure.limit_s)"
                )
            )
        return DeviceFailedError(
            self._text(
                f"the worker did not finish {step!r} within {measure.timeout_s:g} s and was "
                "killed (measure.timeout_s)"
            )
        )

    def _failed(self, error: StepFailedError) -> TargetError | MeasurementError:
        """The error of a step that failed on the device."""
        text = self._text(str(error))
        if error.failure == "runtime":
            return TargetError(text)
        if error.failure == "build":
            return MeasurementError(text)
        self._drop()  # what went wrong there is not known: the next try has a fresh worker
        return DeviceFailedError(text)

    def _connect(self) -> Connection:
        affinity = list(self._target.environment.affinity)
        own = self._runtime.settings(self._target)
        settings = {**own, "threads": self._target.threads, "affinity": affinity}
        timeout_s = self._target.measure.timeout_s
        connection: Connection | None = None
        try:
            connection = Connection(self._interpreter, self._runtime.worker, settings, timeout_s)
            facts = connection.ask("start")
        except WorkerLostError as error:
            msg = self._text(f"the worker could not be started: {with_mend(str(error))}")
            raise (TargetError if error.lasting else UnreachableError)(msg) from error
        except StepTimeoutError as error:
            msg = self._text(f"the worker did not start within {timeout_s:g} s (measure.timeout_s)")
            raise UnreachableError(msg) from error
        except NonsenseError as error:
            msg = self._text(f"the worker {error}; it was ended")
            raise UnreachableError(msg) from error
        except StepFailedError as error:
            if connection is not None:
                connection.close()
            raise TargetError(self._text(str(error))) from error
        try:
            self._refuse_closed()
            if wrong := wrong_device(self._target, facts, self._facts):
                raise TargetError(self._text(wrong))
        except TargetError:
            connection.close()
            raise
        self._facts = facts
        return connection

    def _drop(self) -> None:
        connection, self._connection = self._connection, None
        if connection is not None:
            connection.close()

    def _text(self, what: str) -> str:
        return f"target {self._target.name!r}: {what}"


def _digest(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()
