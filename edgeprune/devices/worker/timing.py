"""Timing two models in turns, run by run."""

from __future__ import annotations

import gc
import random
import time
from collections.abc import Callable


def time_pairs(
    candidate: Callable[[], object],
    baseline: Callable[[], object],
    pairs: int,
    seconds: float,
) -> dict[str, list[int]]:
    """Run both models in turns, in random order within each pair.

    A strict A B A B falls into step with the scheduler's time slices on a busy machine: with
    slices of about two runs the same model is interrupted again and again (seen: a net against
    itself at 3.4x). A random order cannot.

    Args:
        candidate: runs the candidate once.
        baseline: runs the baseline once.
        pairs: how many pairs.
        seconds: stop after the pair that is running when so much time has passed.

    Returns:
        Nanoseconds per run: ``candidate`` and ``baseline`` by the wall clock,
        ``candidate_cpu`` and ``baseline_cpu`` by the CPU time of the calling thread.
    """
    names = ("candidate", "baseline")
    runs = (candidate, baseline)
    wall: tuple[list[int], list[int]] = ([], [])
    cpu: tuple[list[int], list[int]] = ([], [])
    now, thread_now = time.perf_counter_ns, time.thread_time_ns
    end = now() + int(seconds * 1e9)
    collecting = gc.isenabled()
    gc.disable()
    try:
        for _ in range(pairs):
            first = random.getrandbits(1)
            for which in (first, 1 - first):
                run = runs[which]
                wall_start = now()
                cpu_start = thread_now()
                run()
                cpu_end = thread_now()
                wall_end = now()
                wall[which].append(wall_end - wall_start)
                cpu[which].append(cpu_end - cpu_start)
            if now() >= end:
                break
    finally:
        if collecting:
            gc.enable()
    samples = {names[which]: wall[which] for which in (0, 1)}
    samples.update({names[which] + "_cpu": cpu[which] for which in (0, 1)})
    return samples
