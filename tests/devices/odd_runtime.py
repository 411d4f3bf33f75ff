"""A runtime whose worker misbehaves as it is told; real processes, real connections.

Its source runs in the worker, beside `serve`: it changes what the worker's steps answer.
"""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Callable
from typing import Any

from . import conditions, serve

_PAIR = {"candidate": 2, "baseline": 4, "candidate_cpu": 2, "baseline_cpu": 4}


class Runtime:
    """Models that take no time.

    Args:
        settings: ``how`` it misbehaves; ``file`` holds after how many runs each worker dies.
    """

    def __init__(self, settings: dict[str, Any]) -> None:
        self._how = settings["how"]
        self._file = settings["file"]
        self._runs, self._hours = 0, 0
        self._deaths: list[int] = []
        if self._how == "dies":
            with open(self._file) as file:
                self._deaths = [int(word) for word in file.read().split()]
        for step in ("answer", "state", "measure", "build", "outputs"):
            if self._how.startswith(step):
                setattr(serve.Worker, step, getattr(self, "_" + step))

    def describe(self) -> dict[str, Any]:
        """What it is: another version each time, or a fact that is none."""
        version = str(time.time()) if self._how == "version" else "1"
        facts = {"runtime": "odd", "version": version, "threads": 1, "single_thread": True}
        if self._how == "fact":
            facts["version"] = ["\x1b[31m", 7]
        return facts

    def build(self, model: bytes) -> Callable[[], object]:
        """A run that takes the longer the larger the file."""

        def run() -> None:
            self._runs += 1
            if self._deaths and self._runs >= self._deaths[0]:
                with open(self._file, "w") as file:
                    file.write(" ".join(map(str, self._deaths[1:])))
                os.kill(os.getpid(), signal.SIGKILL)
            end = time.thread_time_ns() + 20_000 + 5 * len(model)
            while time.thread_time_ns() < end:
                pass

        return run

    def outputs(self, model: bytes) -> list[Any]:
        """None."""
        return []

    def _measure(self, model: str, other: str, pairs: int, seconds: float) -> Any:
        how = self._how.partition(" ")[2]
        many = {name: [value * 1000] * pairs for name, value in _PAIR.items()}
        if how == "slow":
            time.sleep(0.3)
            return {name: values[:1] for name, values in many.items()}
        answers: dict[str, Any] = {
            "empty": {name: [] for name in many},
            "more": {name: values * 2 for name, values in many.items()},
            "uneven": dict(many, baseline=many["baseline"][1:]),
            "texts": dict(many, candidate=["\x1b]0;title\x07"] * pairs),
            "nothing": {},
            "bytes": dict(many, candidate=b"\0" * (70 * 2**20)),
        }
        return answers[how]

    def _build(self, model: str, again: bool = False) -> Any:
        how = self._how.partition(" ")[2]
        if how == "memory":
            return {"build_ms": float(len(bytes(10**15)))}
        answers: dict[str, Any] = {"nan": float("nan"), "negative": -1.0, "none": None}
        return {"build_ms": answers[how]}

    def _outputs(self, model: str) -> Any:
        return {"outputs": [{"shape": [2, 2], "dtype": "<f4", "content": b"123"}]}

    def _state(self) -> Any:
        if self._how == "state hot":
            return dict(conditions.state(), temperature_c="hot")
        self._hours += 1  # an hour later each time it is asked
        return dict(conditions.state(), clock_s=time.perf_counter() + 3600 * self._hours)

    def _answer(self, request: dict[str, Any]) -> Any:
        how = self._how.partition(" ")[2]
        if how == "kill":
            os.kill(os.getpid(), signal.SIGKILL)
        answers: dict[str, Any] = {
            "number": 5,
            "missing": {"missing": [request.get("model", "x")]},
            "unknown": {"missing": ["0" * 64]},
            "failure": {"failure": 3, "message": None},
            "nested": _nested(),
        }
        return answers[how]


def _nested() -> Any:
    value: Any = 1
    for _ in range(50):
        value = [value]
    return {"build_ms": value}
