"""Evaluations under way: one after the other, or several on threads of their own."""

import queue
import threading
from collections import deque
from collections.abc import Callable

from edgeprune.search.outcome import Outcome
from edgeprune.search.problem import Widths

Evaluate = Callable[[Widths], Outcome]


class Evaluations:
    """Runs evaluations and gives what came of each, in the order they end in.

    Threads serve evaluations that wait for something: a device, a worker elsewhere. They are
    daemons: what ends a search, such as Ctrl-C, does not wait for them.

    Args:
        evaluate: widths to outcome; called from several threads at once where there are some.
        threads: whether each evaluation has a thread; else it runs in `ended`.
    """

    def __init__(self, evaluate: Evaluate, *, threads: bool) -> None:
        self._evaluate, self._threads = evaluate, threads
        self._waiting: deque[tuple[int, Widths]] = deque()
        self._ended: queue.SimpleQueue[tuple[int, Outcome | BaseException]] = queue.SimpleQueue()

    def start(self, number: int, widths: Widths) -> None:
        """Begin to evaluate a proposal.

        Args:
            number: tells it from the others.
            widths: what is evaluated.
        """
        if not self._threads:
            self._waiting.append((number, widths))
            return
        name = f"edgeprune-proposal-{number}"
        threading.Thread(target=self._run, args=(number, widths), name=name, daemon=True).start()

    def ended(self) -> tuple[int, Outcome | BaseException]:
        """Wait for the next evaluation that ends: its number, and its outcome or what it raised."""
        if not self._threads:
            number, widths = self._waiting.popleft()
            try:
                return number, self._evaluate(widths)
            except Exception as error:
                return number, error
        return self._ended.get()

    def _run(self, number: int, widths: Widths) -> None:
        try:
            self._ended.put((number, self._evaluate(widths)))
        except BaseException as error:
            self._ended.put((number, error))
