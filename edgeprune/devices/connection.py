"""A Python interpreter somewhere, started through execnet, that runs the worker's sources.

Knows how to start it, ask it, give up on it and end it; nothing about latency.
"""

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import execnet
from execnet import gateway_bootstrap

from edgeprune.devices.answers import checked, plain
from edgeprune.devices.interpreter import Interpreter, killed_by
from edgeprune.devices.process import WorkerProcess
from edgeprune.errors import TargetError

_WORKER = "edgeprune.devices.worker"
#: Sources sent to the device, in the order in which they import one another.
_MODULES = ("failures", "timing", "conditions", "energy", "serve")
#: How long an ended worker may take to go before it is killed, seconds.
_GRACE_S = 2.0


class WorkerLostError(Exception):
    """The worker ended or the connection broke; the text says how it ended.

    Attributes:
        lasting: trying again is of no use: a person has to mend something.
    """

    def __init__(self, how: str, *, lasting: bool = False) -> None:
        super().__init__(how)
        self.lasting = lasting


class StepTimeoutError(Exception):
    """A step took longer than its limit; the worker has been killed."""


class StepFailedError(Exception):
    """The worker answered that a step failed.

    Attributes:
        failure: ``runtime`` (missing on the device), ``build`` (the model) or ``crash``.
    """

    def __init__(self, failure: str, message: str) -> None:
        super().__init__(message)
        self.failure = failure


class Connection:
    """A running worker.

    Args:
        interpreter: the Python that runs the worker.
        runtime: the module whose source runs the runtime there.
        settings: what the runtime is made with.
        timeout_s: limit for starting the interpreter and for each step, seconds.

    Raises:
        WorkerLostError: the interpreter cannot be started.
        StepTimeoutError: it did not start in time.
        TargetError: there is no such module.
    """

    def __init__(
        self,
        interpreter: Interpreter,
        runtime: str,
        settings: dict[str, Any],
        timeout_s: float,
    ) -> None:
        self._interpreter = interpreter
        self._timeout_s = timeout_s
        self._group = execnet.Group()
        self._channel: Any = None
        # To execnet every interpreter is a local command: it has its own sources sent there.
        described = execnet.XSpec("popen//python=elsewhere")
        self._group.allocate_id(described)
        described.execmodel = "thread"
        self._io: Any = None
        self._spawned = threading.Event()
        self._spawned.set()
        shipped = [f"{_WORKER}.{name}" for name in _MODULES]
        sources = [(_last(name), _source(name)) for name in (*shipped, runtime)]
        with self._limited("start"):
            # What Group.makegateway does, in two steps: to be able to give up on an interpreter
            # that does not answer, its process must be known before it has.
            self._spawn()
            gateway = gateway_bootstrap.bootstrap(self._io, described)
            gateway.spec = described
            self._group._register(gateway)
            self._channel = gateway.remote_exec(_source(f"{_WORKER}.boot"))
            first = {"modules": sources, "runtime": _last(runtime), "settings": settings}
            self._channel.send(first)

    def ask(self, step: str, *, within_s: float | None = None, **arguments: Any) -> dict[str, Any]:
        """Have the worker do one step.

        Args:
            step: its name.
            within_s: limit for this step, seconds; that of the connection if not given.
            arguments: of the step.

        Raises:
            WorkerLostError: the worker is gone; the connection is of no more use.
            StepTimeoutError: so it is here.
            NonsenseError: and here: what it answered is no answer to this step.
            StepFailedError: the worker is well, the step failed.
        """
        # Another thread may close the connection at any moment.
        channel = self._channel
        if channel is None:
            msg = "the connection is closed"
            raise WorkerLostError(msg)
        with self._limited(step, within_s):
            self._io.inspector.asked += 1
            channel.send({"step": step, **arguments})
            answer = checked(step, channel.receive())
        if "failure" in answer:
            raise StepFailedError(answer["failure"], plain(answer["message"]))
        return answer

    def close(self) -> None:
        """End the worker and wait until it is gone; may be called twice."""
        if self._channel is not None:
            self._end()

    def _spawn(self) -> None:
        """Start the interpreter so that Ctrl-C neither reaches it nor makes us forget it.

        The terminal sends SIGINT to every process of the group, and Python's start-up would
        answer it with a traceback; a child inherits the signals blocked in the thread that
        starts it. And KeyboardInterrupt is raised in the main thread alone: here it cannot come
        between the start of the process and our noting it.
        """
        failure: list[OSError] = []

        def create() -> None:
            if hasattr(signal, "pthread_sigmask"):
                signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
            try:
                self._io = WorkerProcess(self._interpreter.argv, self._group.execmodel)
            except OSError as error:
                failure.append(error)
            finally:
                self._spawned.set()

        self._spawned.clear()
        threading.Thread(target=create, name="edgeprune-spawn", daemon=True).start()
        self._spawned.wait()
        if failure:
            raise failure[0]

    @contextmanager
    def _limited(self, step: str, within_s: float | None = None) -> Iterator[None]:
        """Talk to the worker within the time limit; end it if that fails or is interrupted."""
        late = threading.Event()

        def give_up() -> None:
            late.set()
            # The only call that neither waits for the worker nor writes to it. It breaks the
            # pipe, which ends a send or a receive that would otherwise block for ever.
            if self._io is not None:
                self._io.kill()

        timer = threading.Timer(within_s or self._timeout_s, give_up)
        timer.daemon = True
        timer.start()
        try:
            yield
        except (OSError, EOFError, AssertionError, execnet.RemoteError) as error:
            fault = self._io.fault if self._io is not None else ""
            error = self._last_words() or error
            how, lasting = self._end()
            how = how or plain(str(error))
            if isinstance(error, AssertionError):
                how = "it answers, but not as Python: does its shell print text at every login?"
            if late.is_set():
                raise StepTimeoutError(step) from error
            if isinstance(error, execnet.RemoteError):
                # An error outside a step, such as numpy missing: the traceback's last line.
                how = plain(str(error).strip().splitlines()[-1])
            raise WorkerLostError(fault or how, lasting=lasting) from error
        except BaseException:
            # Interrupted between question and answer: the next answer would be the wrong one.
            self._end()
            raise
        finally:
            timer.cancel()

    def _last_words(self) -> execnet.RemoteError | None:
        """What a worker said that ended before all was sent: sending tells only that it has."""
        if self._channel is None:
            return None
        try:
            self._channel.waitclose(0)
        except execnet.RemoteError as error:
            return error
        except (OSError, EOFError):  # it said nothing; execnet's TimeoutError is an OSError
            pass
        return None

    def _end(self) -> tuple[str, bool]:
        """End the process; how it ended, and whether only a person can mend that."""
        self._channel = None
        # Interrupted while the process was being started: in a moment it is there to be ended.
        self._spawned.wait(_GRACE_S)
        if self._io is None:
            return "", False
        if len(self._group):
            self._group.terminate(timeout=_GRACE_S)
        else:
            self._io.kill()
        code = self._io.wait()
        if code is not None and code < 0:
            return killed_by(-code), False
        errors = self._io.errors()
        how = plain(self._interpreter.explain(code, errors))
        return how, self._interpreter.lasting(code, errors)


def _source(module: str) -> str:
    """The text of a module that is not imported here."""
    try:
        spec = find_spec(module)
    except ModuleNotFoundError:
        spec = None
    if spec is None or spec.origin is None:
        msg = f"module {module} of the runtime is not there: its code cannot be sent"
        raise TargetError(msg)
    return Path(spec.origin).read_text("utf-8")


def _last(module: str) -> str:
    return module.rpartition(".")[2]
