"""The measuring protocol: build, warm up, time in turns until the ratio is known well enough."""

import math
import time
from collections.abc import Callable, Sequence
from typing import Any, Literal

from edgeprune.config import TargetConfig
from edgeprune.devices.disturbance import refuse_disturbed, refuse_jump
from edgeprune.devices.measurement import Comparison, Measurement
from edgeprune.devices.statistics import level, level_ratio_interval
from edgeprune.errors import DeviceFailedError

#: A comparison ends when the 95 % interval of the ratio reaches no further than the target's
#: tolerance from its middle, but not before so many pairs, and in any case after its ``runs``.
MIN_PAIRS = 30
#: Fewest pairs that an interval can be given for; ``runs`` below it are raised to it.
FEWEST_PAIRS = 10
_CHUNK_PAIRS = 10
#: The worker answers of itself after this share of a step's time limit, however many pairs it
#: has by then: slow models are timed in smaller portions, and a silent worker hangs.
_STEP_SHARE = 0.25
#: After these shares of a comparison's time limit there is no more warm-up, and no more pair than
#: an interval needs.
_WARM_SHARE, _TIMED_SHARE = 0.25, 0.5
#: Below this share of the wall time the calling thread did not do the work alone.
_ALONE = 0.8
_SIDES: tuple[Literal["candidate"], Literal["baseline"]] = ("candidate", "baseline")

Ask = Callable[..., dict[str, Any]]


def compare(
    ask: Ask,
    candidate: str,
    baseline: str,
    target: TargetConfig,
    facts: dict[str, Any],
    *,
    again: bool = False,
) -> Comparison:
    """Time two models on a worker.

    With one thread that does all the work, samples are CPU time of that thread: the same as the
    wall clock's on a device that does nothing else, and without the time in which another
    process had the core. Otherwise, or where that clock is too coarse, they are wall time. The
    conditions say which (``clock``: ``thread`` or ``wall``, or on a board made on a desk what its
    clock counts), and which share of the wall time went to others (``waiting``).

    Args:
        ask: has the worker do a step.
        candidate: digest of the candidate.
        baseline: digest of the baseline.
        target: warm-up, most pairs, time limit; what its surroundings should be like.
        facts: what the worker said of itself.
        again: load both anew, though they are loaded.

    Raises:
        DeviceFailedError: a time was zero, negative or not a number; the device's clock jumped;
            there were no times, or more than asked for; it was throttled or too hot.
    """
    config, start = target.measure, time.monotonic()
    build_ms = {
        side: float(ask("build", model=digest, again=again)["build_ms"])
        for side, digest in zip(_SIDES, (candidate, baseline), strict=True)
    }
    portion = {"model": candidate, "other": baseline, "seconds": config.timeout_s * _STEP_SHARE}
    warm = 0
    while warm < config.warmup and time.monotonic() < start + _WARM_SHARE * config.limit_s:
        warm += len(_pairs(ask, config.warmup - warm, portion)["candidate"])
    before, began = _state(ask)
    taken = _Samples(bool(facts["single_thread"]), config.tolerance)
    most = max(config.runs, FEWEST_PAIRS)
    wanted = min(MIN_PAIRS, most)
    while wanted > 0:
        taken.add(_pairs(ask, wanted, portion))
        if len(taken) < min(MIN_PAIRS, most):
            wanted = min(MIN_PAIRS, most) - len(taken)
        else:
            wanted = 0 if taken.precise else min(_CHUNK_PAIRS, most - len(taken))
        late = time.monotonic() > start + _TIMED_SHARE * config.limit_s
        if late and len(taken) >= FEWEST_PAIRS:
            break
    after, ended = _state(ask)
    refuse_disturbed(before, after, target.environment)
    conditions = {**facts, **taken.conditions, "before": before, "after": after}
    if facts.get("clock_kind", "real") != "real":
        conditions["clock"] = facts["clock_kind"]
    elif began is not None and ended is not None:
        refuse_jump(ended[0] - began[0], ended[1] - began[1])
    new, old = (
        Measurement(tuple(taken.samples_ms(side)), build_ms[side], conditions) for side in _SIDES
    )
    return Comparison(new, old)


def _pairs(ask: Ask, wanted: int, portion: dict[str, Any]) -> dict[str, Any]:
    """Have some pairs timed: one or more come of every step, or the loop would have no end."""
    answer = ask("measure", pairs=wanted, **portion)
    counts = {len(answer[name]) for side in _SIDES for name in (side, f"{side}_cpu")}
    if len(counts) != 1 or not 1 <= min(counts) <= wanted:
        msg = f"the worker was asked for {wanted} pairs and answered with {sorted(counts)} times"
        raise DeviceFailedError(msg)
    return answer


def _state(ask: Ask) -> tuple[dict[str, Any], tuple[float, float] | None]:
    """How the device stands, and its clock beside ours, in seconds; None where it tells none."""
    state = dict(ask("state"))
    there, here = state.pop("clock_s", None), time.monotonic()
    return state, None if there is None else (there, here)


class _Samples:
    """Pairs timed so far, by both clocks."""

    def __init__(self, single_thread: bool, tolerance: float) -> None:
        self._single_thread, self._tolerance = single_thread, tolerance
        self._ms: dict[str, list[float]] = {
            name: [] for side in _SIDES for name in (side, f"{side}_cpu")
        }

    def __len__(self) -> int:
        return len(self._ms["candidate"])

    def add(self, nanoseconds: dict[str, Sequence[float]]) -> None:
        for name, values in self._ms.items():
            values.extend(value / 1e6 for value in nanoseconds[name])
        for side in _SIDES:
            for value in self._ms[side][-len(nanoseconds[side]) :]:
                if not (math.isfinite(value) and value > 0):
                    msg = (
                        f"a run of the {side} took {value} ms by the device's clock: "
                        "its latency cannot be trusted"
                    )
                    raise DeviceFailedError(msg)

    @property
    def clock(self) -> str:
        """``thread`` where the calling thread's CPU time is the whole work, else ``wall``."""
        alone = self._single_thread and all(
            min(self._ms[f"{side}_cpu"]) > _ALONE * min(self._ms[side]) for side in _SIDES
        )
        return "thread" if alone else "wall"

    @property
    def precise(self) -> bool:
        first, second = (self.samples_ms(side) for side in _SIDES)
        low, high = level_ratio_interval(first, second)
        return (high - low) / 2 <= self._tolerance * level(first) / level(second)

    @property
    def conditions(self) -> dict[str, Any]:
        wall = sum(sum(self._ms[side]) for side in _SIDES)
        busy = sum(sum(self._ms[f"{side}_cpu"]) for side in _SIDES)
        waiting = round(max(0.0, 1 - busy / wall), 4) if self._single_thread else None
        return {
            "clock": self.clock,
            "pairs": len(self),
            "waiting": waiting,
            "reached_tolerance": self.precise,
        }

    def samples_ms(self, side: str) -> list[float]:
        return self._ms[f"{side}_cpu" if self.clock == "thread" else side]
