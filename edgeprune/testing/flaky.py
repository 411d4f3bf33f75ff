"""A device that fails now and then: what must survive it is tried on it."""

import math
import random
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, Self

from edgeprune.config import SimulatedConfig, TargetConfig
from edgeprune.config.patience import PatienceConfig
from edgeprune.devices import Comparison, LayerTime, PatientDevice
from edgeprune.devices.known_net import small_net
from edgeprune.devices.simulated import SimulatedDevice
from edgeprune.errors import DeviceFailedError, EdgepruneError, UnreachableError, UnsteadyError
from edgeprune.search import Outcome, SearchResult, Widths, make_sampler, read_entries, run_search
from edgeprune.search.journal import finished
from edgeprune.testing.samplers import SmallNet, accuracy_reward

#: What it fails with: lost, hung, hot, away.
FAULTS = (
    DeviceFailedError("the worker was lost: killed by SIGKILL"),
    DeviceFailedError("the worker did not finish 'measure' within 120 s and was killed"),
    UnsteadyError("the device was throttled while it was measured"),
    UnreachableError("it refuses connections on port 22"),
)
#: How much longer the base model takes beside dozens of other processes.
_CROWDED = 20.0


class FlakyDevice:
    """A simulated device of which a share of the comparisons fails, before or after measuring.

    Args:
        target: a simulated profile.
        share: of the comparisons that fail.
        seed: which ones.
        faults: what they fail with.

    Attributes:
        fails: whether the next one does.
        failures: how many have failed.
        crowded: whether the base model has to wait for its processor all through the next one.
    """

    def __init__(
        self,
        target: TargetConfig,
        share: float,
        seed: int,
        faults: Sequence[EdgepruneError] = FAULTS,
    ) -> None:
        self._device = SimulatedDevice(target)
        self._random, self._faults = random.Random(seed), faults
        self.fails: Callable[[], bool] = lambda: self._random.random() < share
        self.crowded: Callable[[], bool] = lambda: False
        self.failures = 0

    def compare(self, candidate: bytes, baseline: bytes) -> Comparison:
        """See `Device.compare`."""
        if self.fails():
            self.failures += 1
            if self._random.random() < 0.5:
                self._device.compare(candidate, baseline)  # measured, and lost on the way
            raise self._random.choice(self._faults)
        found = self._device.compare(candidate, baseline)
        if not self.crowded():
            return found
        waited = tuple(_CROWDED * one for one in found.baseline.samples_ms)
        return replace(found, baseline=replace(found.baseline, samples_ms=waited))

    def profile(self, model: bytes) -> list[LayerTime]:
        """See `Device.profile`."""
        return self._device.profile(model)

    def conditions(self) -> dict[str, Any]:
        """See `Device.conditions`."""
        return self._device.conditions()

    def close(self) -> None:
        """See `Device.close`."""
        self._device.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


def flaky_search(
    folder: Path, trials: int, share: float, *, retries: int = 3, sampler: str = "random"
) -> tuple[SearchResult, FlakyDevice]:
    """A search of a small problem whose every latency comes from such a device.

    Args:
        folder: of the search.
        trials: that are to complete.
        share: of the comparisons that fail.
        retries: see `PatienceConfig`.
        sampler: its name.
    """
    patience = PatienceConfig(retries=retries, pause_s=0, cool_s=0, away_s=10)
    target = TargetConfig(
        name="flaky", kind="simulated", simulated=SimulatedConfig(), patience=patience
    )
    flaky = FlakyDevice(target, share, seed=0)
    net = SmallNet()
    problem = net.problem()
    with PatientDevice(flaky, target) as device:
        evaluate = measured_on(device.compare, net)
        found = run_search(
            problem,
            make_sampler(sampler, problem, 0, trials, {}),
            evaluate,
            accuracy_reward,
            trials=trials,
            directory=folder,
        )
    return found, flaky


def measured_on(
    compare: Callable[[bytes, bytes], Comparison], net: SmallNet
) -> Callable[[Widths], Outcome]:
    """Evaluates widths of a small problem; a file of as many bytes stands for the network."""

    def evaluate(widths: Widths) -> Outcome:
        comparison = compare(network(net, widths), network(net, net.problem().full))
        known = net.evaluate(widths)
        return Outcome(
            accuracy=known.accuracy,
            latency_ms=comparison.candidate.level_ms,
            latency_ratio=comparison.ratio,
            macs=known.macs,
            parameters=known.parameters,
            bytes=known.bytes,
            details={"seconds": {"latency": 0.0}} | comparison.to_json(),
        )

    return evaluate


def lost(folder: Path, result: SearchResult, trials: int) -> int:
    """Trials that are missing, double, or not what an undisturbed device says of their widths."""
    target = TargetConfig(name="steady", kind="simulated", simulated=SimulatedConfig())
    net = SmallNet()
    evaluate = measured_on(SimulatedDevice(target).compare, net)
    recorded = finished(read_entries(folder))
    right = {
        tuple(one.widths.values())
        for one in recorded
        if math.isclose(one.outcome.latency_ratio, evaluate(one.widths).latency_ratio)
        and math.isclose(one.reward, one.outcome.accuracy)
    }
    return trials - len(right) if recorded == list(result.trials) else trials


def network(net: SmallNet, widths: Widths) -> bytes:
    """A network whose size and bytes follow from the widths."""
    note = ",".join(map(str, widths.values()))
    return small_net(max(1, sum(widths.values()) // 8), note=note)
