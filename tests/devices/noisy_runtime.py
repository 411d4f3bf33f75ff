"""A runtime whose times scatter as a file beside the sensors of its board says."""

from __future__ import annotations

import os
import random
import time
from collections.abc import Callable
from typing import Any


class Runtime:
    """Models that take the longer the larger the file, give or take the board's noise."""

    def __init__(self, settings: dict[str, Any]) -> None:
        self._random = random.Random(os.getpid())

    def describe(self) -> dict[str, Any]:
        """What it is."""
        return {"runtime": "noisy", "version": "1", "threads": 1, "single_thread": True}

    def build(self, model: bytes) -> Callable[[], object]:
        """A run that keeps the thread busy."""

        def run() -> None:
            try:
                with open(os.environ["EDGEPRUNE_SYSFS"] + "/noise") as file:
                    noise = float(file.read())
            except OSError:
                noise = 0.0
            factor = 1 + noise * self._random.random()
            end = time.thread_time_ns() + int(factor * (50_000 + 5 * len(model)))
            while time.thread_time_ns() < end:
                pass

        return run
