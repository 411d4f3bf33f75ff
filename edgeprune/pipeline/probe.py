"""Stage 3, the probe: latency of the base and of a few uniform plans on the device.

It turns the budget into a ratio, shows whether the budget can be met at all, and gives the
latency estimator the points it starts from.
"""

from dataclasses import dataclass
from typing import Any, Self

from edgeprune.errors import UserError
from edgeprune.latency import LatencyEstimator, NetModel
from edgeprune.pipeline.session import Session
from edgeprune.search import Widths

#: Keep ratios of the uniform plans that are measured before the search.
PROBE_RATIOS = (0.85, 0.7, 0.55, 0.4, 0.25)


@dataclass(frozen=True)
class Probe:
    """What the device said before the search.

    Attributes:
        base: the base model's measurement, as JSON.
        budget: allowed latency as a ratio to the base; of several budgets the tightest.
        points: measured widths and their latency ratios.
        smallest: latency ratio of the smallest widths allowed.
    """

    base: dict[str, Any]
    budget: float
    points: tuple[tuple[Widths, float], ...]
    smallest: float

    @property
    def reachable(self) -> bool:
        """Whether the smallest candidate meets the budget."""
        return self.smallest <= self.budget

    @classmethod
    def from_record(cls, record: dict[str, Any]) -> Self:
        """Read back what `probe` recorded."""
        points = tuple((point["widths"], point["ratio"]) for point in record["points"])
        return cls(record["base"], record["budget"], points, record["smallest"])

    def estimator(self, session: Session, kernels: NetModel | None = None) -> LatencyEstimator:
        """A fresh estimator that knows the target's kernels and the probe's points."""
        estimator = LatencyEstimator(session.space.layer_costs, session.space.full, kernels)
        for widths, ratio in self.points:
            estimator.observe(widths, ratio)
        return estimator


def probe(session: Session) -> Probe:
    """Measure, or read back what was measured before the run was interrupted.

    Raises:
        UserError: the budget asks for nothing: the base model already meets it.
        MeasurementError: the device gave no latency that can be trusted.
    """
    record = session.directory.record("probe")
    if record is None:
        record = session.directory.finish("probe", _measure(session))
    return Probe.from_record(record)


def _measure(session: Session) -> dict[str, Any]:
    space, budget = session.space, session.config.budget
    smallest = {name: choices[0] for name, choices in space.choices.items()}
    plans = [space.scaled(ratio) for ratio in PROBE_RATIOS] + [smallest]
    with session.reporter.task("probe", len(plans)) as task:
        points = []
        for widths in plans:
            comparison = session.compare(widths)
            points.append({"widths": widths, "ratio": comparison.ratio})
            task.advance(note=f"{space.macs(widths) / 1e6:.1f}M MACs: {comparison.ratio:.2f}x")
    base = comparison.baseline
    for one in budget.each:
        if one.ratio(base.median_ms) >= 1:
            msg = (
                f"budget.latency_ms {one.latency_ms} asks for nothing: the base model takes "
                f"{base.median_ms:.3g} ms on {session.config.target}"
            )
            raise UserError(msg)
    return {
        "base": base.to_json(),
        "budget": budget.ratio(base.median_ms),
        "points": points,
        "smallest": points[-1]["ratio"],
    }
