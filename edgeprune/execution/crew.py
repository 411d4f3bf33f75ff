"""A crew of workers: any thread gives them work; what a lost one was at is done by another."""

import os
import queue
import signal
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext, suppress
from dataclasses import dataclass
from typing import Any, Self

from edgeprune import __version__
from edgeprune.errors import EdgepruneError, ExecutionError, WorkersLostError
from edgeprune.execution import worker
from edgeprune.execution.cluster import Cluster
from edgeprune.execution.patience import Patience

#: Longest wait for a new worker to answer: it may have to import torch on a busy machine.
_HIRE_S = 180.0
#: Longest wait until new workers hold model and data.
_HOLD_S = 600.0
#: How often workers are begun where the process of one is lost as it begins.
_BEGINNINGS = 3
#: How often it is looked whether a worker has been silent for too long.
_LOOK_S = 2.0
#: Pause before another worker is asked for where one could not be had, and how long a crew may be
#: without any before the run stops.
_PAUSE_S, _NONE_S = 5.0, 600.0
#: Workers that may be lost over one piece of work: by chance hardly ever so many.
_TRIES = 6
#: Longest wait for threads that wait for a worker when the crew is closed.
_CLOSE_S = 10.0


class _HungError(Exception):
    """A worker does not answer."""


@dataclass(frozen=True)
class Member:
    """One worker.

    Attributes:
        handle: Ray's of its process.
        beside: whether it runs on this machine.
        process: its number on its machine.
    """

    handle: Any
    beside: bool
    process: int


class Crew:
    """So many workers, all of which hold the same object.

    Args:
        cluster: where they run.
        held: what each of them gets a copy of.
        size: how many there are.
        cpus: processors for each; Ray has it compute with as many threads.
        gpus: share of a GPU for each.
        hung_after_s: how long a worker may take for its work; None: see `Patience`.
        note: told of workers that are lost.
        turn: what is held while a worker on this machine works; see `evaluation.Turns.working`.

    Raises:
        ExecutionError: there is no place for them, they have another edgeprune, or what they are
            to hold cannot be sent.
    """

    def __init__(
        self,
        cluster: Cluster,
        held: object,
        size: int,
        *,
        cpus: int = 1,
        gpus: float = 0.0,
        hung_after_s: float | None = None,
        note: Callable[[str], None] = lambda text: None,
        turn: Callable[[], AbstractContextManager[object]] = nullcontext,
    ) -> None:
        cluster.check(size, cpus, gpus)
        self._ray, self._cluster, self._note, self._turn = cluster.ray, cluster, note, turn
        self._ray.cloudpickle.register_pickle_by_value(worker)
        place = {"num_cpus": cpus, "num_gpus": gpus or None}
        self._make = self._ray.remote(worker.Worker).options(**place)
        self._held = _shared(cluster.ray, held)
        self.size, self._patience = size, Patience(hung_after_s)
        self._free: queue.LifoQueue[Member] = queue.LifoQueue()
        self._members: set[Member] = set()
        self._lock = threading.Lock()
        self._closed = threading.Event()
        self._calls = 0
        self._last = time.monotonic()
        try:
            for member in self._all_hired():
                self._join(member)
        except BaseException:
            self.close()
            raise

    @property
    def members(self) -> list[Member]:
        """The workers that there are now."""
        with self._lock:
            return list(self._members)

    def work(self, method: str, *args: object, images: int = 1) -> Any:
        """Have a worker call a method of what it holds; another one where it is lost over it.

        So is one that does not answer for too long: it is ended.

        Args:
            method: its name.
            args: sent to it.
            images: how much work it is, by which it is known how long it may take.

        Raises:
            EdgepruneError: what the method raised.
            WorkersLostError: too many workers were lost over it.
            ExecutionError: there has been no worker for long, or the crew is closed.
        """
        with self._counted():
            for left in range(_TRIES - 1, -1, -1):
                member = self._next()
                try:
                    with self._turn() if member.beside else nullcontext():
                        call = member.handle.work.remote(method, *args)
                        found = self._answer(call, images, _TRIES - 1 - left)
                except self._ray.exceptions.RayTaskError as error:
                    self._free.put(member)
                    if isinstance(error.cause, EdgepruneError):
                        raise error.cause from error
                    raise
                except (self._ray.exceptions.RayError, _HungError) as error:
                    self._lose(member, error, left)
                except BaseException:
                    self._free.put(member)
                    raise
                else:
                    self._free.put(member)
                    return found
        msg = f"{_TRIES} workers were lost over one candidate, one after the other"
        raise WorkersLostError(msg)

    def close(self) -> None:
        """Let all workers go; what waits for one hears of it."""
        self._closed.set()
        with self._lock:
            members, self._members = set(self._members), set()
        for member in members:
            self._dismiss(member.handle)
        end = time.monotonic() + _CLOSE_S
        while self._calls and time.monotonic() < end:
            time.sleep(0.02)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _next(self) -> Member:
        """Wait for a free worker."""
        while not self._closed.is_set():
            with suppress(queue.Empty):
                return self._free.get(timeout=0.2)
            if self._members:
                self._last = time.monotonic()
            elif (gone := time.monotonic() - self._last) > _NONE_S:
                msg = f"{self._cluster.where} has had no worker for {gone:.0f} s"
                raise ExecutionError(msg)
        msg = "the workers have been let go"
        raise ExecutionError(msg)

    def _answer(self, call: Any, images: int, tries: int) -> Any:
        """Wait for an answer, for as long as it may take by what is known meanwhile.

        Raises:
            _HungError: there is none.
        """
        begun = time.monotonic()
        while not self._ray.wait([call], timeout=_LOOK_S)[0]:
            limit, silent = self._patience.limit(images, tries), time.monotonic() - begun
            if silent > limit:
                msg = f"no answer for {silent:.0f} s, which is over {limit:.0f}: it is ended"
                raise _HungError(msg)
        found = self._ray.get(call)
        self._patience.learn(images, time.monotonic() - begun)
        return found

    def _lose(self, member: Member, error: Exception, left: int) -> None:
        """Tell of a lost worker, and look for another one meanwhile."""
        with self._lock:
            self._members.discard(member)
        if self._closed.is_set():
            return
        self._note(
            f"a worker was lost ({_first_line(error)}); its work is done by another, {left} more "
            "tries"
        )
        threading.Thread(target=self._replace, args=(member,), daemon=True).start()

    def _replace(self, member: Member) -> None:
        with self._counted():
            self._dismiss(member.handle)
            if member.beside:  # Ray asks the process itself, which may be stopped
                with suppress(OSError):
                    os.kill(member.process, signal.SIGKILL)
            while not self._closed.is_set():
                try:
                    (new,) = self._hired([self._make.remote()])
                except Exception as error:  # of the cluster, of any kind
                    if not self._closed.is_set():
                        self._note(
                            f"no worker in the place of a lost one yet: {_first_line(error)}"
                        )
                    self._closed.wait(_PAUSE_S)
                else:
                    self._join(new)
                    return

    def _all_hired(self) -> list[Member]:
        """Workers to begin with; all anew where the process of one is lost as it begins."""
        for left in range(_BEGINNINGS - 1, -1, -1):
            try:
                return list(self._hired([self._make.remote() for _ in range(self.size)]))
            except ExecutionError as error:
                lost = isinstance(error.__cause__, self._ray.exceptions.RayActorError)
                if not (lost and left):
                    raise
                self._note(f"{_first_line(error)}; workers are begun anew, {left} more tries")
        raise AssertionError  # the last try has ended this

    def _hired(self, handles: list[Any]) -> Iterator[Member]:
        """Workers that were asked for, once they hold what they need."""
        try:
            about = [handle.about.remote() for handle in handles]
            ready, _ = self._ray.wait(about, num_returns=len(about), timeout=_HIRE_S)
            if len(ready) < len(about):
                msg = (
                    f"{self._cluster.where} started {len(ready)} of {len(about)} workers within "
                    f"{_HIRE_S:g} s: others may use its processors"
                )
                raise ExecutionError(msg)
            told = self._ray.get(about)
            for one in told:
                _check_version(one)
            path = [folder for folder in sys.path if folder]
            self._ray.get([handle.find.remote(path) for handle in handles], timeout=_HIRE_S)
            held = [handle.hold.remote(self._held) for handle in handles]
            self._ray.get(held, timeout=_HOLD_S)
        except BaseException as error:
            for handle in handles:
                self._dismiss(handle)
            if isinstance(error, self._ray.exceptions.RayError):
                msg = f"a worker of {self._cluster.where} cannot begin: {_last_line(error)}"
                raise ExecutionError(msg) from error
            raise
        here = worker.machine()
        for handle, one in zip(handles, told, strict=True):
            yield Member(handle, one["machine"] == here, one["process"])

    def _join(self, member: Member) -> None:
        with self._lock:
            if not self._closed.is_set():
                self._members.add(member)
                self._free.put(member)
                return
        self._dismiss(member.handle)

    def _dismiss(self, handle: Any) -> None:
        with suppress(Exception):  # the cluster may be gone
            self._ray.kill(handle, no_restart=True)

    @contextmanager
    def _counted(self) -> Iterator[None]:
        with self._lock:
            self._calls += 1
        try:
            yield
        finally:
            with self._lock:
                self._calls -= 1


def _first_line(error: Exception) -> str:
    return (str(error).strip().splitlines() or [type(error).__name__])[0]


def _last_line(error: Exception) -> str:
    return (str(error).strip().splitlines() or [type(error).__name__])[-1]


def _check_version(about: dict[str, Any]) -> None:
    if about["edgeprune"] != __version__:
        found = about["edgeprune"]
        has = "no edgeprune" if found is None else f"edgeprune {found}"
        msg = (
            f"the workers on {about['host']} have {has}; allowed: {__version__}, as here (install "
            "the same version on every machine of the cluster)"
        )
        raise ExecutionError(msg)


def _shared(ray: Any, held: object) -> Any:
    """Ray's reference to an object that all workers get a copy of.

    Raises:
        ExecutionError: it cannot be sent.
    """
    try:
        return ray.put(held)
    except Exception as error:  # a user's model or data may raise anything
        msg = (
            f"model or data cannot be sent to workers ({type(error).__name__}: {error}); allowed: "
            "what can be pickled: no open files, locks or connections in it"
        )
        raise ExecutionError(msg) from error
