"""A device that computes latencies instead of measuring them: for tests and benchmarks of search.

A layer costs ``ns_per_mac`` for each multiply-accumulate, ``ns_per_element`` for each element it
writes, and ``ns_per_layer``; channels count as the next multiple of ``staircase``, as
on real kernels. Samples scatter around the sum. The scatter depends on the seed and the bytes of
the model alone, so results do not depend on the order of measurements and a resumed search sees
what an uninterrupted one sees. Boards of one type differ in their speed, by ``spread``, and in
their scatter; a comparison takes ``takes_s`` of real time, so that a pool of them can be tried.
"""

import hashlib
import math
import platform
import threading
from functools import lru_cache
from typing import Any, Self

import numpy as np

from edgeprune.config import SimulatedConfig, TargetConfig
from edgeprune.devices.measurement import Comparison, LayerTime, Measurement
from edgeprune.devices.node_costs import NodeCost, node_costs
from edgeprune.devices.protocol import FEWEST_PAIRS
from edgeprune.errors import MeasurementError, TargetError

#: Version of the cost model: results of another one are not comparable.
_VERSION = "1"


class SimulatedDevice:
    """See the module.

    Args:
        target: a profile of kind ``simulated``.

    Raises:
        TargetError: the profile has no ``simulated`` section.
    """

    def __init__(self, target: TargetConfig) -> None:
        if target.simulated is None:
            msg = (
                f"target {target.name!r} is simulated but has no section 'simulated'; it needs "
                "ns_per_mac, ns_per_element and ns_per_layer"
            )
            raise TargetError(msg)
        self._target = target
        self._model: SimulatedConfig = target.simulated
        self._costs = lru_cache(maxsize=8)(self._node_costs)
        self._closed = threading.Event()
        own = np.random.default_rng([self._model.seed, self._model.board])
        self._slowness = math.exp(self._model.spread * own.standard_normal())

    def compare(self, candidate: bytes, baseline: bytes) -> Comparison:
        """See `Device.compare`; takes no time on any device but what the profile asks for."""
        if self._model.takes_s and self._closed.wait(self._model.takes_s):
            msg = f"target {self._target.name!r} has been closed"
            raise TargetError(msg)
        return Comparison(self._measure(candidate), self._measure(baseline))

    def profile(self, model: bytes) -> list[LayerTime]:
        """See `Device.profile`; without noise."""
        return [LayerTime(cost.name, cost.op, self._ms(cost)) for cost in self._costs(model)]

    def conditions(self) -> dict[str, Any]:
        """See `Device.conditions`."""
        return {
            "kind": "simulated",
            "runtime": "simulated",
            "version": _VERSION,
            "cpu": "simulated",
            "threads": self._target.threads,
            "precision": self._target.precision,
            "clock": "simulated",
            "python": platform.python_version(),
            "device_id": f"simulated {self._target.name}",
            **self._model.model_dump(exclude={"boards", "board", "spread", "takes_s"}),
        }

    def close(self) -> None:
        """See `Device.close`; ends what takes time."""
        self._closed.set()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _node_costs(self, model: bytes) -> list[NodeCost]:
        return node_costs(model, self._model.staircase)

    def _ms(self, cost: NodeCost) -> float:
        nanoseconds = (
            self._model.ns_per_mac * cost.macs
            + self._model.ns_per_element * cost.elements
            + self._model.ns_per_layer
        )
        return self._slowness * nanoseconds / 1e6

    def _measure(self, model: bytes) -> Measurement:
        total = sum(layer.ms for layer in self.profile(model))
        if not 0 < total < math.inf:
            msg = f"target {self._target.name!r}: the cost model makes the latency {total} ms"
            raise MeasurementError(msg)
        count = max(self._target.measure.runs, FEWEST_PAIRS)
        words = np.frombuffer(hashlib.sha256(model).digest(), dtype="<u4")
        board = [self._model.board] if self._model.board else []
        generator = np.random.default_rng([self._model.seed, *board, *words.tolist()])
        scatter = self._model.noise * generator.standard_normal(count)
        samples = total * np.exp(scatter)
        return Measurement(tuple(samples.tolist()), 0.0, self.conditions())
