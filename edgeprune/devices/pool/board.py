"""One board of a pool: who it is, and how it has done."""

import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from edgeprune.config import TargetConfig
from edgeprune.devices.device import Device
from edgeprune.devices.measurement import Comparison
from edgeprune.errors import TargetError, UnreachableError, UnsteadyError

#: Each pause before a board is tried again is so many times the one before, up to a limit.
_LONGER, _LONGEST_S = 4, 60.0
#: Longest pause before a board that cools is looked at.
_LOOK_S = 10.0


@dataclass
class Board:
    """A board and what became of its measurements. Only its pool's roster changes it.

    Attributes:
        target: its profile.
        device: open; None while it has never been reached.
        busy: whether a measurement or a try is under way on it.
        aside: why it is set aside; empty where it is not.
        since: when it was set aside or became busy, by `time.monotonic`.
        lasting: whether a person has to mend something before it can be of use again.
        pause_s: until it is tried again.
        failures: in a row.
        device_id: tells it from others of its make, where it says so.
        measured: comparisons so far.
        errors: how often it was set aside.
        last: its latest comparison.
        last_error: why it was set aside last.
        temperature_c: when last seen.
    """

    target: TargetConfig
    device: Device | None = None
    busy: bool = False
    aside: str = ""
    since: float = field(default_factory=time.monotonic)
    lasting: bool = False
    pause_s: float = 0.0
    failures: int = 0
    device_id: str | None = None
    measured: int = 0
    errors: int = 0
    last: Comparison | None = None
    last_error: str = ""
    temperature_c: float | None = None

    @property
    def name(self) -> str:
        """Its own, within the pool."""
        return self.target.name

    def opened(self, device: Device, facts: dict[str, Any]) -> None:
        """It was reached for the first time."""
        self.device, self.device_id = device, facts.get("device_id")
        self.temperature_c = facts.get("temperature_c")

    def fail(self, reason: str, error: Exception | None) -> None:
        """It failed once more: it has to wait longer than before."""
        patience = self.target.patience
        first_s = patience.pause_s
        if isinstance(error, UnsteadyError):
            first_s = min(_LOOK_S, patience.cool_s / 10)
        self.pause_s = min(_LONGEST_S, first_s * float(_LONGER ** min(self.failures, 16)))
        self.failures += 1
        self.lasting = isinstance(error, TargetError) and not isinstance(error, UnreachableError)
        self.aside = self.last_error = reason
        self.since = time.monotonic()

    def succeed(self, found: object) -> None:
        """It measured something that can be trusted."""
        self.failures = 0
        if isinstance(found, Comparison):
            self.measured += 1
            self.last = found
            state = found.candidate.conditions.get("after") or {}
            self.temperature_c = state.get("temperature_c", self.temperature_c)


#: What is done on a board.
Action = Callable[[Device], Any]
