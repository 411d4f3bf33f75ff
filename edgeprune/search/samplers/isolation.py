"""Torch inside an agent: seeded, on one thread, and without a trace outside."""

from collections.abc import Iterator
from contextlib import contextmanager

import torch


@contextmanager
def isolated(seed: int) -> Iterator[None]:
    """Seed torch inside, leave its global generator and thread count as they were outside.

    One thread: these networks are too small to gain from more, and sums stay the same whatever
    the thread count of a resumed process.
    """
    threads = torch.get_num_threads()
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        torch.set_num_threads(1)
        try:
            yield
        finally:
            torch.set_num_threads(threads)
