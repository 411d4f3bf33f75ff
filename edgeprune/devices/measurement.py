"""What a device reports: raw samples with their conditions, and what they amount to."""

import statistics as stdlib_statistics
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Self

from edgeprune.devices.statistics import level, level_ratio_interval, median_interval


@dataclass(frozen=True)
class LayerTime:
    """Mean time of one layer.

    Attributes:
        name: the node's name in the ONNX file; kernels that were fused into a convolution count
            under the convolution, kernels the runtime added itself keep the runtime's name.
        op: operator, as in the file.
        ms: milliseconds per run.
    """

    name: str
    op: str
    ms: float


@dataclass(frozen=True)
class Measurement:
    """Latency of one model under recorded conditions.

    Attributes:
        samples_ms: every timed run, in the order taken, none dropped.
        build_ms: what loading and optimising the model took.
        conditions: JSON-able; what the device was and did meanwhile (see `Device.conditions`).
    """

    samples_ms: tuple[float, ...]
    build_ms: float
    conditions: dict[str, Any]

    @classmethod
    def pooled(cls, parts: Sequence[Self]) -> Self:
        """Several measurements of one model as one; build and conditions are the first's."""
        return replace(parts[0], samples_ms=sum((one.samples_ms for one in parts), start=()))

    @property
    def median_ms(self) -> float:
        """Median of the samples."""
        return stdlib_statistics.median(self.samples_ms)

    @property
    def interval_ms(self) -> tuple[float, float]:
        """Distribution-free 95 % interval of the median."""
        return median_interval(self.samples_ms)

    @property
    def level_ms(self) -> float:
        """Mean of the fastest fifth of the runs: a run that nothing disturbed."""
        return level(self.samples_ms)

    def to_json(self) -> dict[str, Any]:
        """All of it as plain data, with the summaries."""
        return {
            "median_ms": self.median_ms,
            "interval_ms": list(self.interval_ms),
            "level_ms": self.level_ms,
            "samples_ms": list(self.samples_ms),
            "build_ms": self.build_ms,
            "conditions": self.conditions,
        }

    @classmethod
    def from_json(cls, value: Mapping[str, Any]) -> Self:
        """Read back what `to_json` wrote.

        Raises:
            KeyError, TypeError, ValueError: it is something else.
        """
        try:
            samples = tuple(map(float, value["samples_ms"]))
            return cls(samples, float(value["build_ms"]), dict(value["conditions"]))
        except OverflowError as error:
            raise ValueError(str(error)) from error


#: In a measurement's conditions, the board of a pool that it was made on.
POOL_BOARD = "pool_board"


@dataclass(frozen=True)
class Comparison:
    """A candidate and the baseline, timed in turns: the i-th samples were taken side by side.

    Attributes:
        candidate: of one device.
        baseline: of the same one: boards of one type differ, and ratios are taken on each.
        others: the same two models on the other boards of a pool, none with a larger ratio.
    """

    candidate: Measurement
    baseline: Measurement
    others: "tuple[Comparison, ...]" = ()

    @property
    def board(self) -> str | None:
        """The board of a pool that it was made on; None: the only one."""
        name = self.candidate.conditions.get(POOL_BOARD)
        return None if name is None else str(name)

    @property
    def each(self) -> "tuple[Comparison, ...]":
        """One for each board that it was made on, the largest ratio first."""
        return (replace(self, others=()), *self.others)

    @classmethod
    def on_boards(cls, each: "Sequence[Comparison]") -> "Comparison":
        """What several boards of a pool measured, as that of the board with the largest ratio.

        What holds there holds on every board.

        Args:
            each: at least one.
        """
        first, *others = sorted(each, key=lambda one: -one.ratio)
        return replace(first, others=tuple(others))

    @property
    def ratio(self) -> float:
        """Latency of the candidate over the baseline's, by the levels of both."""
        return self.candidate.level_ms / self.baseline.level_ms

    @property
    def ratio_interval(self) -> tuple[float, float]:
        """95 % interval of the ratio."""
        return level_ratio_interval(self.candidate.samples_ms, self.baseline.samples_ms)

    def to_json(self) -> dict[str, Any]:
        """Both measurements, ratio and interval as plain data."""
        others = {"others": [one.to_json() for one in self.others]} if self.others else {}
        return {
            "ratio": self.ratio,
            "ratio_interval": list(self.ratio_interval),
            "candidate": self.candidate.to_json(),
            "baseline": self.baseline.to_json(),
            **others,
        }

    @classmethod
    def pooled(cls, parts: "Sequence[Comparison]") -> "Comparison":
        """Several comparisons of the same two models as one: all of their samples, board by board.

        The fastest fifth of all samples are those of the comparisons that nothing disturbed.

        Args:
            parts: at least one.
        """
        by_board: dict[str | None, list[Comparison]] = {}
        for one in (each for part in parts for each in part.each):
            by_board.setdefault(one.board, []).append(one)
        return cls.on_boards(
            [
                cls(
                    Measurement.pooled([one.candidate for one in found]),
                    Measurement.pooled([one.baseline for one in found]),
                )
                for found in by_board.values()
            ]
        )

    @classmethod
    def from_json(cls, value: Mapping[str, Any]) -> Self:
        """Read back what `to_json` wrote."""
        return cls(
            Measurement.from_json(value["candidate"]),
            Measurement.from_json(value["baseline"]),
            tuple(cls.from_json(one) for one in value.get("others", ())),
        )
