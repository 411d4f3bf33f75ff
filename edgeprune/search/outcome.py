"""What evaluating one candidate said."""

from dataclasses import asdict, dataclass, field, fields
from typing import Any, Self


@dataclass(frozen=True)
class Outcome:
    """Everything measured about one candidate.

    Attributes:
        accuracy: top-1 on the reward split, 0 to 1.
        latency_ms: median latency of one inference, milliseconds.
        latency_ratio: latency as a ratio to the base model timed in between.
        macs: multiply-accumulates of one inference.
        parameters: number of weights.
        bytes: size of the candidate's file.
        details: anything else as plain JSON: raw samples, ``seconds`` per step, conditions.
    """

    accuracy: float
    latency_ms: float
    latency_ratio: float
    macs: int
    parameters: int
    bytes: int
    details: dict[str, Any] = field(default_factory=dict)

    def to_json(self) -> dict[str, Any]:
        """Plain JSON of this outcome."""
        return asdict(self)

    @classmethod
    def from_json(cls, value: dict[str, Any]) -> Self:
        """Read back what `to_json` wrote; other keys are left aside."""
        return cls(**{item.name: value[item.name] for item in fields(cls)})
