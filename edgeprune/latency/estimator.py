"""An estimate of latency that gets better with every measurement on the target."""

import math
from collections import deque
from collections.abc import Callable, Sequence
from functools import lru_cache

import numpy as np

from edgeprune.errors import MeasurementError
from edgeprune.latency.calibration import Calibration
from edgeprune.latency.costs import Floats, LayerCosts
from edgeprune.latency.model import MEASUREMENT_ERROR, StepModel
from edgeprune.latency.net_model import NetModel, Parts
from edgeprune.latency.scales import KernelScales

#: Channel multiples that kernels may work in; the one that explains the measurements is used.
STEPS = (1, 4, 8, 16)
#: How many of the last predictions `LatencyEstimator.error` looks back on.
_RECENT = 5
#: Weight of the newest measurement in what plans like the last ones take more than foretold; an
#: error beyond so many deviations counts as if it was there: one measurement in a bad moment must
#: not move all that follow.
_NEWEST = 0.15
_LARGEST_ERROR = 2.0
#: How many of the newest measurements that is made of.
_LOOKED_BACK = 16
#: Share of half the interval that is the margin of `LatencyEstimator.bound`, and the largest one.
#: What misses the budget costs a trial, but what keeps away from it costs accuracy in all of them.
_MARGIN = 0.25
_LARGEST_MARGIN = 0.02


class LatencyEstimator:
    """Latency of any widths, from the kernels of the target and from measurements of whole nets.

    With kernels, the estimate is the sum of theirs, each layer's scaled as the measurements say
    (`KernelScales`). More channels cost less only where the target's kernels do, such as from an
    odd number to one the runtime has fast code for.

    Without, it is a sum of what the layers cost, fitted to the measurements alone: latency of
    small nets does not follow their MACs, there is a constant part, memory traffic, layers differ
    in speed, and kernels work in steps of channels. Each step of `STEPS` has a linear model of its
    own (see `StepModel`); the one under which the measurements are most likely predicts. More
    channels never cost less.

    A search closes in on plans of one kind, which all are off by about the same (aligned channels,
    say, where the first plans were not): what the last ones are off by, with all that is known now,
    is taken out.

    Args:
        layer_costs: costs per layer of some plans, of any widths from 1 to full.
        full: widths of the base model, whose ratio is 1.
        kernels: of the target, for this model.
    """

    def __init__(
        self,
        layer_costs: Callable[[Sequence[dict[str, int]]], LayerCosts],
        full: dict[str, int],
        kernels: NetModel | None = None,
    ) -> None:
        self._predictor: _FromKernels | _FromCosts = (
            _FromCosts(layer_costs, full) if kernels is None else _FromKernels(kernels, full)
        )
        self._errors: deque[float] = deque(maxlen=_RECENT)
        self._calibration = Calibration()
        self._drift = 1.0
        self._newest: deque[tuple[dict[str, int], float, float]] = deque(maxlen=_LOOKED_BACK)

    @property
    def step(self) -> int:
        """The channel multiple that explains the measurements best; 1 where kernels do."""
        return self._predictor.step

    @property
    def error(self) -> float | None:
        """Median relative error of recent predictions, made before their measurement came."""
        return float(np.median(self._errors)) if self._errors else None

    def ratio(self, widths: dict[str, int]) -> float:
        """Estimated latency as a ratio to the base model.

        Args:
            widths: kept channels per group.
        """
        return self._foretold(widths)[0]

    def interval(self, widths: dict[str, int]) -> tuple[float, float]:
        """Where 95 % of measurements lie, as ratios to the base model.

        Args:
            widths: kept channels per group.
        """
        ratio, deviation = self._foretold(widths)
        half = self._calibration.reach * deviation
        return ratio * math.exp(-half), ratio * math.exp(half)

    def bound(self, widths: dict[str, int]) -> float:
        """A ratio that will rather not be exceeded: some of the way to the interval's end.

        Held against the budget, it keeps more proposals inside than the plain estimate, which
        would let half of those at the limit miss it.

        Args:
            widths: kept channels per group.
        """
        return self.bounds([widths])[0]

    def bounds(self, plans: Sequence[dict[str, int]]) -> list[float]:
        """The bounds of several plans, which take little longer than that of one.

        Args:
            plans: kept channels per group of each.
        """
        ratios, deviations = self._predictor.foretold(plans)
        halves = self._calibration.reach * deviations
        bounds = ratios * self._drift * (1 + np.minimum(_MARGIN * halves, _LARGEST_MARGIN))
        return [float(bound) for bound in bounds]

    def _foretold(self, widths: dict[str, int]) -> tuple[float, float]:
        """The estimate, and the standard deviation around it as a share of it."""
        ratios, deviations = self._predictor.foretold([widths])
        return float(ratios[0]) * self._drift, float(deviations[0])

    def observe(self, widths: dict[str, int], ratio: float, error: float = 0.0) -> None:
        """Learn a measured latency ratio.

        Args:
            widths: what was measured.
            ratio: its latency as a ratio to the base model, above 0.
            error: standard deviation of that, as a share of it, where the measurement tells: what
                was measured in a bad moment counts less.

        Raises:
            MeasurementError: the ratio is no positive number.
        """
        if not 0 < ratio < float("inf"):
            msg = f"a latency ratio must be a positive number, got {ratio}"
            raise MeasurementError(msg)
        foretold, deviation = self._foretold(widths)
        self._errors.append(abs(foretold / ratio - 1))
        self._calibration.learn(math.log(ratio / foretold), math.hypot(deviation, error))
        self._predictor.learn(widths, ratio, error)
        self._newest.append((widths, ratio, error))
        self._drift = self._seen_drift()

    def _seen_drift(self) -> float:
        """What the newest plans take more than all that is known now says, as a factor.

        With what was known when each was measured, it would hold what has been learned since once
        more: a search went on for 16 trials at 5 % below what its plans took.
        """
        plans, ratios, errors = zip(*self._newest, strict=True)
        left = np.log(np.array(ratios) / self._predictor.ratios(plans))
        usual = self._predictor.noise
        most = _LARGEST_ERROR * usual
        ages = np.arange(len(plans))[::-1]
        shares = _NEWEST * (1 - _NEWEST) ** ages * usual**2 / (usual**2 + np.array(errors) ** 2)
        return math.exp(float(shares @ np.clip(left, -most, most)))


class _FromKernels:
    """The kernels, each layer's scaled."""

    step = 1

    def __init__(self, kernels: NetModel, full: dict[str, int]) -> None:
        self._kernels = kernels
        base = kernels.parts(full)
        self._base_ms, self._beside = float(base.ms.sum()), max(base.kernels_beside, 1)
        self._scales = KernelScales(self._as_shares(base))
        # A plan is asked for when it is proposed, measured, and while it is looked back on.
        self._shares = lru_cache(4 * _LOOKED_BACK)(self._shares_of)

    def foretold(self, plans: Sequence[dict[str, int]]) -> tuple[Floats, Floats]:
        deviations = [self._scales.deviation(self._row(widths)) for widths in plans]
        return self.ratios(plans), np.array(deviations)

    def ratios(self, plans: Sequence[dict[str, int]]) -> Floats:
        return np.array([self._scales.predict(self._row(widths)) for widths in plans])

    def learn(self, widths: dict[str, int], ratio: float, error: float) -> None:
        self._scales.learn(self._row(widths), ratio, error)

    @property
    def noise(self) -> float:
        return self._scales.noise

    def _row(self, widths: dict[str, int]) -> Floats:
        return self._shares(tuple(widths.items()))

    def _shares_of(self, widths: tuple[tuple[str, int], ...]) -> Floats:
        return self._as_shares(self._kernels.parts(dict(widths)))

    def _as_shares(self, parts: Parts) -> Floats:
        return np.append(parts.ms / self._base_ms, parts.kernels_beside / self._beside)


class _FromCosts:
    """The linear model of the most likely step."""

    def __init__(
        self, layer_costs: Callable[[Sequence[dict[str, int]]], LayerCosts], full: dict[str, int]
    ) -> None:
        self._layer_costs = layer_costs
        self._full = dict(full)
        base = layer_costs([self._full])
        self._models = {step: StepModel(base) for step in STEPS}
        self.step = STEPS[0]

    def foretold(self, plans: Sequence[dict[str, int]]) -> tuple[Floats, Floats]:
        return self._models[self.step].foretold(self._costs(plans, self.step))

    def ratios(self, plans: Sequence[dict[str, int]]) -> Floats:
        return self._models[self.step].ratios(self._costs(plans, self.step))

    noise = MEASUREMENT_ERROR

    def learn(self, widths: dict[str, int], ratio: float, error: float) -> None:
        for step, model in self._models.items():
            model.learn(self._costs([widths], step), ratio, error)
        # The smaller step wins a tie: it claims less.
        self.step = max(STEPS, key=lambda step: (self._models[step].evidence, -step))

    def _costs(self, plans: Sequence[dict[str, int]], step: int) -> LayerCosts:
        """What the layers cost on kernels that round channels up to multiples of `step`."""
        if step == 1:
            return self._layer_costs(plans)
        full = self._full
        rounded = [
            {name: min(-(-width // step) * step, full[name]) for name, width in widths.items()}
            for widths in plans
        ]
        return self._layer_costs(rounded)
