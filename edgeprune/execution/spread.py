"""Several pieces of work at once, each on a thread that waits for a worker."""

import queue
import threading
from collections.abc import Callable, Sequence
from typing import TypeVar

Item = TypeVar("Item")
Result = TypeVar("Result")


def spread(work: Callable[[Item], Result], items: Sequence[Item], most: int) -> list[Result]:
    """The results of all items, in their order.

    The threads are daemons: what ends a run, such as Ctrl-C, does not wait for them.

    Args:
        work: what is done with each of them, on several threads at once.
        items: begun in their order.
        most: how many are worked at together.

    Raises:
        BaseException: the first that the work raised; nothing is begun after it.
    """
    waiting: queue.SimpleQueue[int] = queue.SimpleQueue()
    ended: queue.SimpleQueue[tuple[int, Result | None, BaseException | None]] = queue.SimpleQueue()
    stopped = threading.Event()
    for place in range(len(items)):
        waiting.put(place)

    def serve() -> None:
        while not stopped.is_set():
            try:
                place = waiting.get_nowait()
            except queue.Empty:
                return
            try:
                ended.put((place, work(items[place]), None))
            except BaseException as error:
                ended.put((place, None, error))

    for number in range(min(most, len(items))):
        threading.Thread(target=serve, name=f"edgeprune-spread-{number}", daemon=True).start()
    found: dict[int, Result] = {}
    try:
        for _ in items:
            place, result, error = ended.get()
            if error is not None:
                raise error
            found[place] = result  # type: ignore[assignment]
    finally:
        stopped.set()
    return [found[place] for place in range(len(items))]
