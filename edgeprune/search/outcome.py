"""What evaluating one candidate said."""

from dataclasses import asdict, dataclass, field, fields
from typing import Any, Self


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
    metrics: dict[str, float] = field(default_factory=dict)

    @property
    def cost(self) -> float:
        """What the budget is on, as a ratio to the base model: its density, or its latency."""
        return self.latency_ratio if self.density is None else self.density

    def to_json(self) -> dict[str, Any]:
        """Plain JSON of this outcome."""
        return asdict(self)

    @classmethod
    def from_json(cls, value: dict[str, Any]) -> Self:
        """Read back what `to_json` wrote; other keys are left aside."""
        # 0.1 kept the density among the details, and knew of no metrics.
        value = {"density": value["details"].get("density"), "metrics": {}, **value}
        return cls(**{item.name: value[item.name] for item in fields(cls)})
