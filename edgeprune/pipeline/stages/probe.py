"""The probe: latency of the base and of a few uniform plans on the device.

It turns the budget into a ratio, shows whether the budget can be met at all, and gives the
latency estimator the points it starts from.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial

from edgeprune.devices import unsurprised
from edgeprune.errors import ConfigError, UserError
from edgeprune.latency import LatencyEstimator, NetModel
from edgeprune.pipeline.records.compact import Compact, Measured
from edgeprune.pipeline.session import Session
from edgeprune.pruning import CountedSpace
from edgeprune.pruning.spaces.weights import LEAST_WEIGHTS
from edgeprune.search import Widths

#: Keep ratios of the uniform plans that are measured before the search.
PROBE_RATIOS = (0.85, 0.7, 0.55, 0.4, 0.25)
#: Channels that fast code may work in: the narrowest plan is measured with its widths rounded
#: up to multiples of them as well. A depthwise network of 7 channels takes twice as long as one of
#: 16 (ONNX Runtime on x86, docs/results.md, "Other tasks").
_ROUNDED = (4, 16)
#: A rounded plan that takes more than this share of the narrowest one's time is no faster.
_FASTER = 0.95


@dataclass(frozen=True)
class Point:
    """Measured ``widths`` and their latency ``ratio``."""

    widths: Widths
    ratio: float


class Probe(Compact):
    """What the device said before the search.

    Attributes:
        base: the base model's measurement; none where the budget is on a density.
        budget: allowed cost as a ratio to the base; of several budgets the tightest.
        points: measured widths and their latency ratios.
        smallest: cost of the smallest widths allowed, as a ratio to the base; where wider ones are
            faster, of those.
        floors: the wider ones: narrower ones than these gain nothing. None where the smallest are
            the fastest.
    """

    base: Measured | None
    budget: float
    points: tuple[Point, ...]
    smallest: float
    floors: Widths | None = None

    @property
    def reachable(self) -> bool:
        """Whether the smallest candidate meets the budget."""
        return self.smallest <= self.budget

    def estimator(self, session: Session, kernels: NetModel | None = None) -> LatencyEstimator:
        """A fresh estimator that knows the target's kernels and the probe's points."""
        estimator = LatencyEstimator(
            session.channels.layer_costs_of, session.channels.full, kernels
        )
        for point in self.points:
            estimator.observe(point.widths, point.ratio)
        return estimator


def probe(session: Session) -> Probe:
    """Measure, or read back what was measured before the run was interrupted.

    Raises:
        UserError: the budget asks for nothing: the base model already meets it.
        ConfigError: no plan of single weights is as sparse as the budget asks for.
        MeasurementError: the device gave no latency that can be trusted.
    """
    if session.counted is not None:
        return _count(session, session.counted)
    found = session.directory.record("probe", Probe)
    return found or session.directory.finish("probe", _measure(session))


def _count(session: Session, space: CountedSpace) -> Probe:
    """Densities are known without a device."""
    budget = session.config.budget
    least = space.density({name: choices[0] for name, choices in space.choices.items()})
    if least > budget.ratio():
        msg = (
            f"budget.sparsity is {budget.sparsity:g}; allowed: at most "
            f"{int(10_000 * (1 - least)) / 10_000:g}, as every layer keeps "
            f"{LEAST_WEIGHTS} weights at least"
        )
        raise ConfigError(msg)
    return Probe(base=None, budget=budget.ratio(), points=(), smallest=least)


def _measure(session: Session) -> Probe:
    space, budget = session.channels, session.config.budget
    narrow = _rounded_up(session.smallest, space.choices)
    plans = [space.scaled(ratio) for ratio in PROBE_RATIOS] + narrow
    with session.reporter.task("probe", len(plans)) as task:
        points, expected = [], LatencyEstimator(space.layer_costs_of, space.full)
        for widths in plans:
            comparison = unsurprised(
                partial(session.compare, widths), expected.interval(widths), session.reporter.log
            )
            expected.observe(widths, comparison.ratio)
            points.append(Point(widths, comparison.ratio))
            task.advance(note=f"{space.macs(widths) / 1e6:.1f}M MACs: {comparison.ratio:.2f}x")
    # Of a pool the slowest board's: what keeps within milliseconds there does so everywhere.
    base = max((one.baseline for one in comparison.each), key=lambda one: one.level_ms)
    for one in () if budget.seeks else budget.each:
        if one.latency_ms is not None and one.ratio(base.level_ms) >= 1:
            msg = (
                f"budget.latency_ms {one.latency_ms} asks for nothing: the base model takes "
                f"{base.level_ms:.3g} ms on {', '.join(session.config.targets)}"
            )
            raise UserError(msg)
    narrowest = points[len(PROBE_RATIOS)]
    fastest = min(points[len(PROBE_RATIOS) :], key=lambda point: point.ratio)
    if fastest.ratio > _FASTER * narrowest.ratio:
        fastest = narrowest
    return Probe(
        base=base,
        budget=budget.ratio(base.level_ms),
        points=tuple(points),
        smallest=fastest.ratio,
        floors=None if fastest is narrowest else fastest.widths,
    )


def _rounded_up(smallest: Widths, choices: Mapping[str, Sequence[int]]) -> list[Widths]:
    """The smallest widths, and the same rounded up to what fast code may work in; all distinct."""
    plans = [smallest]
    for step in _ROUNDED:
        plan = {
            name: next((one for one in choices[name] if one >= width and one % step == 0), width)
            for name, width in smallest.items()
        }
        if plan not in plans:
            plans.append(plan)
    return plans
