import random
import time
from typing import Any

import pytest

from edgeprune.devices import protocol
from tests.devices.targets import local

QUIET = {"cpu": 1.0, "noise": 0.002}


class FakeWorker:
    """Answers steps with made-up times: the candidate takes half as long as the baseline.

    `cpu` is the share of a run's wall time that is the calling thread's work; `most` is how many
    pairs fit into one step's time.
    """

    def __init__(self, *, cpu: float, noise: float, most: int = 10**9) -> None:
        self.random = random.Random(0)
        self.cpu, self.noise, self.most = cpu, noise, most
        self.asked: list[int] = []
        self.built: list[str] = []

    def ask(self, step: str, **arguments: Any) -> dict[str, Any]:
        if step == "build":
            self.built.append(arguments["model"])
            return {"build_ms": 7.0}
        if step == "state":
            return {"load": float(len(self.asked))}
        pairs = min(arguments["pairs"], self.most)
        self.asked.append(pairs)
        times = {
            side: [scale * self.random.lognormvariate(0, self.noise) for _ in range(pairs)]
            for side, scale in (("candidate", 1e6), ("baseline", 2e6))
        }
        return times | {f"{key}_cpu": [self.cpu * t for t in times[key]] for key in [*times]}


def _compare(worker: FakeWorker, *, threads: int = 1, **measure: Any) -> Any:
    target = local(**({"warmup": 0, "runs": 100} | measure))
    facts = {"single_thread": threads == 1, "cpu": "made up"}
    return protocol.compare(worker.ask, "new", "old", target, facts)


def test_quiet_machines_need_the_fewest_pairs():
    comparison = _compare(FakeWorker(**QUIET))
    assert len(comparison.candidate.samples_ms) == protocol.MIN_PAIRS
    assert comparison.ratio == pytest.approx(0.5, rel=0.01)
    assert comparison.candidate.conditions["reached_tolerance"] is True


def test_noisy_machines_get_more_pairs_up_to_the_limit():
    comparison = _compare(FakeWorker(cpu=1.0, noise=0.5), runs=70)
    assert len(comparison.candidate.samples_ms) == 70
    assert comparison.candidate.conditions["reached_tolerance"] is False


def test_it_goes_on_until_the_interval_is_narrow_enough():
    comparison = _compare(FakeWorker(cpu=1.0, noise=0.04), runs=10_000)
    pairs = len(comparison.candidate.samples_ms)
    low, high = comparison.ratio_interval
    assert protocol.MIN_PAIRS < pairs < 10_000
    assert (high - low) / 2 <= 0.01 * comparison.ratio


def test_runs_below_the_least_are_raised_to_it():
    comparison = _compare(FakeWorker(**QUIET), runs=1)
    assert len(comparison.candidate.samples_ms) == protocol.FEWEST_PAIRS


def test_warm_up_is_not_among_the_samples():
    worker = FakeWorker(**QUIET)
    comparison = _compare(worker, warmup=25)
    assert worker.built == ["new", "old"]
    assert worker.asked == [25, protocol.MIN_PAIRS]
    assert len(comparison.candidate.samples_ms) == protocol.MIN_PAIRS


def test_slow_models_are_timed_in_portions():
    worker = FakeWorker(**QUIET, most=4)
    comparison = _compare(worker, warmup=10)
    assert worker.asked[:3] == [4, 4, 2]
    assert len(comparison.candidate.samples_ms) == protocol.MIN_PAIRS


def test_a_slow_device_gets_fewer_pairs_than_asked_for_and_says_so():
    class Slow(FakeWorker):
        def ask(self, step: str, **arguments: Any) -> dict[str, Any]:
            if step == "measure":
                time.sleep(0.02)
            return super().ask(step, **arguments)

    worker = Slow(cpu=1.0, noise=0.5, most=1)
    comparison = _compare(worker, warmup=1000, runs=1000, limit_s=0.5)
    pairs = len(comparison.candidate.samples_ms)
    assert protocol.FEWEST_PAIRS <= pairs < 20
    assert comparison.candidate.conditions["pairs"] == pairs
    assert comparison.candidate.conditions["reached_tolerance"] is False


def test_time_in_which_others_had_the_core_does_not_count():
    comparison = _compare(FakeWorker(cpu=0.9, noise=0.002))
    assert comparison.candidate.conditions["clock"] == "thread"
    assert comparison.candidate.conditions["waiting"] == pytest.approx(0.1)
    assert comparison.candidate.median_ms == pytest.approx(0.9, rel=0.01)


@pytest.mark.parametrize(("threads", "cpu"), [(2, 0.9), (1, 0.5), (1, 0.0)])
def test_wall_time_where_the_calling_thread_is_not_alone_or_its_clock_too_coarse(
    threads: int, cpu: float
):
    comparison = _compare(FakeWorker(cpu=cpu, noise=0.002), threads=threads)
    assert comparison.candidate.conditions["clock"] == "wall"
    assert comparison.candidate.median_ms == pytest.approx(1.0, rel=0.01)


def test_conditions_are_read_before_and_after():
    conditions = _compare(FakeWorker(**QUIET)).baseline.conditions
    assert conditions["before"]["load"] < conditions["after"]["load"]
    assert conditions["cpu"] == "made up"
