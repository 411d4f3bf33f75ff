"""The page of a run that pruned single weights: sizes first, and the latency that did not fall."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

from pydantic import ConfigDict, Field, TypeAdapter, ValidationError

from edgeprune.errors import RunError
from edgeprune.files import write_atomic
from edgeprune.report import numbers
from edgeprune.report.ladder import Beside, Rung, ladder_figure
from edgeprune.report.masked_charts import density_figure, progress_figure
from edgeprune.report.page import page_environment
from edgeprune.report.plotly_source import packed_plotly
from edgeprune.report.summary import Artifact, Budget, Target, Verification

_EXACT = ConfigDict(extra="forbid")
_Share = Annotated[float, Field(ge=0, le=1, allow_inf_nan=False)]
_Count = Annotated[int, Field(ge=0)]
_Positive = Annotated[float, Field(gt=0, allow_inf_nan=False)]

#: A latency ratio within this of 1 is no difference.
_SAME_LATENCY = 0.03


@dataclass(frozen=True)
class MaskedRow:
    """One finished model.

    Attributes:
        name: shown as it is.
        role: ``base``, ``result``, ``magnitude``, ``uniform`` or ``random``.
        accuracy: of the written file on the test split, 0 to 1.
        density: share of the prunable weights that is not zero in the file.
        parameters: that are not masked.
        latency_ms: median latency.
        ratio: latency relative to the base model, timed interleaved with it.
        bytes: size of the ONNX file.
        compressed: the same after deflate.
        sparse_bytes: size of the file with sparse initialisers, where there is one.
        trials: how many candidates its search evaluated, where there was one.
    """

    __pydantic_config__ = _EXACT

    name: str
    role: str
    accuracy: _Share
    density: _Share
    parameters: _Count
    latency_ms: _Positive
    ratio: _Positive
    bytes: _Count
    compressed: _Count
    sparse_bytes: _Count | None = None
    trials: _Count | None = None


@dataclass(frozen=True)
class MaskedTrial:
    """One candidate of a search: its accuracy before fine-tuning, and the share of weights kept."""

    __pydantic_config__ = _EXACT

    number: _Count
    sampler: str
    accuracy: _Share
    density: _Share
    within: bool


@dataclass(frozen=True)
class MaskedLayer:
    """One layer: how many of its weights the result keeps, and how many global magnitude keeps."""

    __pydantic_config__ = _EXACT

    name: str
    weights: _Count
    kept: _Count
    magnitude: _Count


@dataclass(frozen=True)
class MaskedSummary:
    """Everything the page shows; rows as `MaskedRow.role` lists them, base and result first."""

    __pydantic_config__ = _EXACT

    title: str
    created: str
    version: str
    seed: int
    pipeline: str
    target: Target
    budget: Budget
    rows: tuple[MaskedRow, ...]
    trials: tuple[MaskedTrial, ...]
    layers: tuple[MaskedLayer, ...]
    verification: Verification
    artifacts: tuple[Artifact, ...] = ()
    ladder: tuple[Rung, ...] = ()

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> "MaskedSummary":
        """Check plain values and make a summary of them.

        Raises:
            RunError: values are missing, misspelt or impossible.
        """
        try:
            return _ADAPTER.validate_python(dict(data))
        except ValidationError as error:
            msg = f"the run's summary cannot be reported: {error}"
            raise RunError(msg) from error

    def row(self, role: str) -> MaskedRow:
        """The one row of a role."""
        return next(row for row in self.rows if row.role == role)


_ADAPTER = TypeAdapter(MaskedSummary)


def write_masked_report(summary: MaskedSummary, path: Path) -> Path:
    """Write the page, whole or not at all.

    Args:
        summary: what the page shows.
        path: of the HTML file; its folder exists.
    """
    page = page_environment().get_template("masked.html.j2").render(_context(summary))
    write_atomic(path, page.encode())
    return path


def headline(summary: MaskedSummary) -> str:
    """``90.1% zeros (172 → 35 kB deflated) for -0.3 points of accuracy; budget … met``."""
    base, result = summary.row("base"), summary.row("result")
    difference = result.accuracy - base.accuracy
    sizes = f"{numbers.size(base.compressed)} → {numbers.size(result.compressed)} deflated"
    cost = f"{numbers.points(difference)} {numbers.points_noun(difference)} of accuracy"
    outcome = "met" if summary.budget.met else "missed"
    zeros = numbers.percent(1 - result.density)
    return f"{zeros} zeros ({sizes}) for {cost}; budget {summary.budget.text} {outcome}"


def latency_sentence(summary: MaskedSummary) -> str:
    """What the zeros did to the latency, as measured."""
    base, result = summary.row("base"), summary.row("result")
    before, after = numbers.alike(base.latency_ms, result.latency_ms)
    measured = (
        f"measured {numbers.ratio(result.ratio, 3)} of the base model's latency "
        f"({before} → {after} {summary.target.unit})"
    )
    if result.ratio < 1 - _SAME_LATENCY:
        return f"The zeros made it faster on this target: {measured}."
    return (
        f"{summary.target.runtime} is a dense runtime, which gains nothing from zeros: {measured}. "
        "For a faster model prune channels."
    )


def verdicts(summary: MaskedSummary) -> list[str]:
    """One sentence for each baseline, whoever wins."""
    result, sentences = summary.row("result"), []
    for row in summary.rows:
        if row.role in {"base", "result"}:
            continue
        difference = row.accuracy - result.accuracy
        text = numbers.points(difference)
        outcome = "as accurate as the result"
        if text != "±0.0":
            side = "better" if difference > 0 else "worse"
            outcome = f"{text[1:]} {numbers.points_noun(difference)} {side} than the result"
        sentences.append(
            f"{row.name[0].upper()}{row.name[1:]} reaches {numbers.percent(row.accuracy)} with "
            f"{numbers.percent(1 - row.density)} zeros: {outcome}."
        )
    return sentences


def _context(summary: MaskedSummary) -> dict[str, Any]:
    base = summary.row("base")
    charts = {"trials": density_figure(summary), "progress": progress_figure(summary)}
    if summary.ladder:
        others = [
            Beside(row.name, row.density, row.accuracy)
            for row in summary.rows
            if row.role not in {"base", "result"}
        ]
        axis = "share of the weights that is kept"
        charts["ladder"] = ladder_figure(summary.ladder, others, axis, base.accuracy)
    return {
        "summary": summary,
        "unit": summary.target.unit,
        "headline": headline(summary),
        "latency_sentence": latency_sentence(summary),
        "verdicts": verdicts(summary),
        "ladder": summary.ladder,
        "charts": charts,
        "plotly": packed_plotly(),
        "steps_total": 0,
        "most": _largest(summary.layers),
    }


def _largest(layers: Sequence[MaskedLayer]) -> int:
    return max((layer.weights for layer in layers), default=1)
