"""What a history holds, as plain values."""

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from edgeprune.errors import MeasurementError


def _now() -> datetime:
    return datetime.now(UTC)


@dataclass(frozen=True)
class KernelLatency:
    """How long a target takes for one kernel.

    Attributes:
        signature: what the kernel is; JSON-able. Equal signatures are one kernel.
        median_ms: median of the samples.
        interval_ms: its 95 % interval.
        samples: how many there were.
        measured_at: with a time zone.

    Raises:
        MeasurementError: the latency is no positive number, or of no sample.
    """

    signature: Mapping[str, Any]
    median_ms: float
    interval_ms: tuple[float, float]
    samples: int
    measured_at: datetime = field(default_factory=_now)

    def __post_init__(self) -> None:
        for value in (self.median_ms, *self.interval_ms):
            if not (math.isfinite(value) and value > 0):
                msg = f"kernel {dict(self.signature)}: {value} ms is no latency"
                raise MeasurementError(msg)
        if self.samples < 1:
            msg = f"kernel {dict(self.signature)}: a median of {self.samples} samples is none"
            raise MeasurementError(msg)


@dataclass(frozen=True)
class Staircase:
    """In which steps of channels the kernels of one kind work on a target.

    Attributes:
        multiple: widths that are multiples of it are used up.
        gain: how much longer widths between two multiples take than the line between those says,
            as a share of it; 0 where there are no stairs, above 1 where kernels are much slower.
        measured_at: with a time zone.

    Raises:
        MeasurementError: the multiple is below 1, or the gain is negative or not finite.
    """

    multiple: int
    gain: float
    measured_at: datetime = field(default_factory=_now)

    def __post_init__(self) -> None:
        if self.multiple < 1 or not 0 <= self.gain < math.inf:
            msg = f"a multiple of {self.multiple} that wastes {self.gain} is no staircase"
            raise MeasurementError(msg)
