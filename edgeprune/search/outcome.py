"""What evaluating one candidate said."""

from dataclasses import asdict, dataclass, field, fields
from typing import Any, Self

#: Half a 95 % interval, in standard deviations.
_DEVIATIONS = 1.96


@dataclass(frozen=True)
class Outcome:
    """Everything measured about one candidate.

    Attributes:
        accuracy: the task's score on the reward split, 1 at best; of classification top-1.
        latency_ms: latency of one inference that nothing disturbed, milliseconds: the level of
            `edgeprune.devices.Measurement`, of which the ratio is made too.
        latency_ratio: latency as a ratio to the base model timed in between.
        macs: multiply-accumulates of one inference.
        parameters: number of weights.
        bytes: size of the candidate's file; deflated where only zeros make it smaller.
        details: anything else as plain JSON: raw samples, ``seconds`` per step, conditions.
        density: share of the prunable weights that is kept, where the budget is on it.
        amounts: what it takes beside latency, where that is limited, by the quantity's name.
        used: the same, as a share of what is allowed.
        metrics: all of the task's chosen metrics by name, the score among them.
    """

    accuracy: float
    latency_ms: float
    latency_ratio: float
    macs: int
    parameters: int
    bytes: int
    details: dict[str, Any] = field(default_factory=dict)
    density: float | None = None
    amounts: dict[str, float] = field(default_factory=dict)
    used: dict[str, float] = field(default_factory=dict)
    metrics: dict[str, float] = field(default_factory=dict)

    @property
    def cost(self) -> float:
        """What the budget is on, as a ratio to the base model: its density, or its latency.

        Above 1, and so over any budget of latency, where one of the others does not hold.
        """
        if self.density is not None:
            return self.density
        worst = max(self.used.values(), default=0.0)
        return self.latency_ratio if worst <= 1 else max(self.latency_ratio, worst)

    @property
    def latency_error(self) -> float:
        """Standard deviation of the latency ratio, as a share of it; 0 where it is not known."""
        interval = self.details.get("ratio_interval")
        if interval is None:
            return 0.0
        low, high = interval
        return float((high - low) / 2 / _DEVIATIONS / self.latency_ratio)

    def to_json(self) -> dict[str, Any]:
        """Plain JSON of this outcome."""
        limited = {"amounts", "used"}
        return {key: one for key, one in asdict(self).items() if one or key not in limited}

    @classmethod
    def from_json(cls, value: dict[str, Any]) -> Self:
        """Read back what `to_json` wrote; other keys are left aside."""
        # 0.1 kept the density among the details, and knew of no metrics and no other budgets.
        old = {"density": value["details"].get("density"), "metrics": {}}
        value = {**old, "amounts": {}, "used": {}, **value}
        return cls(**{item.name: value[item.name] for item in fields(cls)})
