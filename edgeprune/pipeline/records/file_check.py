"""What was found of any model file beside a finished run."""

from dataclasses import asdict, dataclass
from typing import Any

from edgeprune.devices import Comparison
from edgeprune.export import Verification


@dataclass(frozen=True)
class FileCheck:
    """How a file did beside the run's torch model.

    Attributes:
        verification: over the run's test images.
        warnings: what may be slow or wrong in it.
        comparison: its latency beside that of the run's own ONNX file, or beside itself where it
            is of another format; None without a target.
    """

    verification: Verification
    warnings: tuple[str, ...]
    comparison: Comparison | None = None

    def to_json(self) -> dict[str, Any]:
        """Plain values: ``ratio``, ``level_ms`` (what it is made of) and ``median_ms`` if timed."""
        timed: dict[str, Any] = {}
        if self.comparison is not None:
            candidate = self.comparison.candidate
            timed = {
                "level_ms": candidate.level_ms,
                "median_ms": candidate.median_ms,
                "ratio": self.comparison.ratio,
                "ratio_interval": list(self.comparison.ratio_interval),
            }
        return {**asdict(self.verification), "warnings": list(self.warnings), **timed}
