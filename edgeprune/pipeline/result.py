"""What a finished run hands over, typed."""

import math
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from edgeprune.errors import UserError
from edgeprune.pipeline.records import Finished, Manifest
from edgeprune.records import as_json
from edgeprune.search import SearchTrial, Widths, read_trials

if TYPE_CHECKING:
    import pandas


@dataclass(frozen=True)
class Latency:
    """How long a finished model takes.

    Attributes:
        ms: median of its runs, in milliseconds.
        ratio: to the base model's, timed beside it.
        interval: 95 % interval of the ratio.
    """

    ms: float
    ratio: float
    interval: tuple[float, float]


@dataclass(frozen=True)
class Result:
    """A finished model: what was handed over, or a baseline.

    Attributes:
        record: all that is known of it.
    """

    record: Finished

    @property
    def accuracy(self) -> float:
        """On the test split, of the written file."""
        return self.record.verification.accuracy

    @property
    def latency(self) -> Latency:
        """Of the written file on the target."""
        one, measured = self.record, self.record.candidate
        ms = measured.median_ms if measured is not None else math.nan
        return Latency(ms, one.ratio, one.ratio_interval)

    @property
    def widths(self) -> Widths:
        """Kept channels by group, or densities of layers in thousandths."""
        return self.record.widths

    @property
    def found_by(self) -> str | None:
        """Who found its widths."""
        return self.record.found_by


@dataclass(frozen=True)
class RunResult:
    """What a finished run hands over.

    Attributes:
        directory: the run directory; it is the bundle.
        report: the HTML page.
        bundle: the manifest.

    Examples:
        >>> result = run("examples/digits.yaml")  # doctest: +SKIP
        >>> result.bundle.result.verification.accuracy  # doctest: +SKIP
        0.95
    """

    directory: Path
    report: Path
    bundle: Manifest

    @property
    def met(self) -> bool:
        """Whether the written file meets the budget."""
        return self.bundle.budget.met

    @property
    def best(self) -> Result:
        """What was handed over."""
        return Result(self.bundle.result)

    @property
    def baselines(self) -> dict[str, Result]:
        """What simpler methods reach: ``uniform``, ``filled`` and ``random``."""
        return {role: Result(one) for role, one in self.bundle.baselines.items()}

    @property
    def trials(self) -> list[SearchTrial]:
        """Of the run's own search."""
        return read_trials(self.directory / "search")

    def trials_dataframe(self) -> "pandas.DataFrame":
        """One row a trial: number, reward, accuracy, latency, costs, and the width of each group.

        Raises:
            UserError: pandas is not installed.
        """
        try:
            import pandas
        except ImportError as error:
            msg = "trials_dataframe needs pandas: pip install pandas (or use RunResult.trials)"
            raise UserError(msg) from error
        rows = [
            {
                "number": one.number,
                "reward": one.reward,
                "accuracy": one.outcome.accuracy,
                "latency_ms": one.outcome.latency_ms,
                "latency_ratio": one.outcome.latency_ratio,
                "macs": one.outcome.macs,
                "parameters": one.outcome.parameters,
                **one.widths,
            }
            for one in self.trials
        ]
        return pandas.DataFrame(rows)

    @property
    def manifest(self) -> dict[str, Any]:
        """The content of ``manifest.json``."""
        return as_json(self.bundle)
