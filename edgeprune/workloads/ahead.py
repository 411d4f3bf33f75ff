"""Reading what the next batches need while the present one is in use."""

from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from os import cpu_count
from typing import Any, TypeVar

R = TypeVar("R")
B = TypeVar("B")

#: Batches being read ahead of the one in use.
_AHEAD = 2


def read_ahead(
    read: Callable[..., R], batches: Iterable[tuple[B, Iterable[tuple[Any, ...]]]]
) -> Iterator[tuple[B, list[R]]]:
    """Batches whose items are read by threads.

    Args:
        read: reads one item.
        batches: of each what it is called by, and the arguments of `read` of its items.

    Yields:
        What each is called by, and what was read, in the order of its items.
    """
    pool = ThreadPoolExecutor(min(8, cpu_count() or 1), "decode")
    waiting: deque[tuple[B, list[Future[R]]]] = deque()
    try:
        for batch, items in batches:
            waiting.append((batch, [pool.submit(read, *item) for item in items]))
            if len(waiting) > _AHEAD:
                yield _finished(*waiting.popleft())
        while waiting:
            yield _finished(*waiting.popleft())
    finally:
        # Also when the caller stops early: nothing of ours may run on while a device measures.
        pool.shutdown(wait=True, cancel_futures=True)


def _finished(batch: B, jobs: "list[Future[R]]") -> tuple[B, list[R]]:
    return batch, [job.result() for job in jobs]
