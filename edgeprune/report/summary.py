"""What a report page shows, as plain data: the contract between the pipeline and the page."""

import dataclasses
import datetime
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, Field, TypeAdapter, ValidationError

from edgeprune.devices.clocks import unit_of
from edgeprune.errors import RunError, nearest
from edgeprune.export import Verification
from edgeprune.report.boards import BoardRow
from edgeprune.report.classes import ClassAccuracy
from edgeprune.report.course import Clusters, JointEpoch, Past
from edgeprune.report.curves import Curves
from edgeprune.report.fields import (
    EXACT,
    AtLeastOne,
    Channels,
    Count,
    Finite,
    Interval,
    NotNegative,
    Positive,
    Score,
    Share,
)
from edgeprune.report.judged import Judged
from edgeprune.report.ladder import Rung
from edgeprune.report.limits import Limited
from edgeprune.report.race import Raced

Role = Literal["base", "result", "magnitude", "uniform", "filled", "random"]

#: Every page shows these: AMC replications have lost to uniform one-shot L1, so a result without
#: its comparisons says little (architecture, decision 9). By what is cut.
ROLES: dict[str, tuple[Role, ...]] = {
    "channels": ("base", "result", "uniform", "filled", "random"),
    "weights": ("base", "result", "magnitude", "uniform", "random"),
}


def _iso_time(text: str) -> str:
    datetime.datetime.fromisoformat(text)
    return text


@dataclass(frozen=True)
class Target:
    """Where the latency was measured.

    Attributes:
        name: of the target's profile.
        runtime: for example ``onnxruntime``.
        version: of the runtime.
        cpu: model of the device's processor.
        threads: the runtime may use.
        clock: what the milliseconds are; ``instructions``, ``simulated`` and ``emulated`` ones are
            virtual, which the page says wherever it shows them.
    """

    __pydantic_config__ = EXACT

    name: str
    runtime: str
    version: str | None = None
    cpu: str | None = None
    threads: Annotated[int, Field(ge=1)] | None = None
    clock: str = "wall"

    @property
    def unit(self) -> str:
        """The unit of every latency on the page: ``ms``, or ``virtual ms``."""
        return unit_of(self.clock)


@dataclass(frozen=True)
class Budget:
    """What was asked for: `text` as the user wrote it, `ratio` to the base, whether it is `met`.

    `limited` are the budgets beside latency.
    """

    __pydantic_config__ = EXACT

    text: str
    ratio: Positive
    met: bool
    limited: tuple[Limited, ...] = ()


@dataclass(frozen=True)
class Row:
    """One finished model of the before/after table.

    Attributes:
        name: shown as it is.
        role: exactly one row of each role belongs to a summary.
        accuracy: of the written file on the test split: the task's score, 1 at best.
        median_ms: median latency.
        interval_ms: 95 % interval of that median.
        ratio: latency relative to the base, timed interleaved with it; 1 for the base.
        ratio_interval: 95 % interval of `ratio`.
        macs: multiply-accumulate operations of one image.
        parameters: number of weights.
        bytes: size of its file, in the form and precision of the search.
        reward_accuracy: on the reward split, before fine-tuning, where known.
        trials: how many candidates its search evaluated, where there was one.
        density: share of the prunable weights that is not zero in the file, where those are cut.
        compressed: size of the file after deflate, where weights are cut.
        sparse_bytes: size of the file with sparse initialisers, where weights are cut.
        note: anything a reader must know about this row.
        also: further metrics of the written file on the test split, as they are shown, by name.
    """

    __pydantic_config__ = EXACT

    name: str
    role: Role
    accuracy: Score
    median_ms: Positive
    interval_ms: Interval
    ratio: Positive
    ratio_interval: Interval
    macs: Count
    parameters: Count
    bytes: Count
    reward_accuracy: Score | None = None
    trials: Count | None = None
    density: Share | None = None
    compressed: Count | None = None
    sparse_bytes: Count | None = None
    note: str = ""
    also: dict[str, str] = field(default_factory=dict)

    @property
    def cost(self) -> float:
        """What the budget is on, relative to the base: the density, or the latency."""
        return self.ratio if self.density is None else self.density


@dataclass(frozen=True)
class Trial:
    """One evaluated candidate of a search.

    Attributes:
        number: of the trial within its sampler's search, from 0.
        sampler: which search it belongs to.
        accuracy: on the reward split, before fine-tuning.
        ratio: latency relative to the base.
        latency_ms: level of its latency, see `edgeprune.devices.Measurement`.
        macs: multiply-accumulate operations of one image.
        reward: what the sampler maximises.
        feasible: whether it is within the budget.
        finalist: whether it was measured again, to race for being the result.
        density: share of the prunable weights that it keeps, where those are cut.
        predicted: the ratio that the latency estimator gave before it was measured.
        interval: where 95 % of measurements were expected then.
    """

    __pydantic_config__ = EXACT

    number: Count
    sampler: str
    accuracy: Score
    ratio: Positive
    latency_ms: Positive
    macs: Count
    reward: Finite
    feasible: bool
    finalist: bool = False
    density: Share | None = None
    predicted: Positive | None = None
    interval: Interval | None = None

    @property
    def cost(self) -> float:
        """What the budget is on, relative to the base: the density, or the latency."""
        return self.ratio if self.density is None else self.density


@dataclass(frozen=True)
class Group:
    """Channels of a group, or weights of a layer, `before` and `after`.

    At 0 channels the branch that the group is in is gone: the block is removed. `fixed` says why
    it could not be cut, `beside` what global magnitude keeps of it.
    """

    __pydantic_config__ = EXACT

    name: str
    layers: tuple[str, ...]
    before: AtLeastOne
    after: Count
    macs_share: Share
    fixed: str | None = None
    beside: Count | None = None


@dataclass(frozen=True)
class Layer:
    """One layer's own latency in the base model and in the result.

    Attributes:
        name: of the layer.
        op: its operator, as the runtime calls it.
        before_ms: in the base model; None where the runtime has no such layer there.
        after_ms: in the result; None where the runtime has no such layer there.
        before_channels: ``"16->32"``, input to output channels, where known.
        after_channels: the same in the result.
    """

    __pydantic_config__ = EXACT

    name: str
    op: str
    before_ms: NotNegative | None
    after_ms: NotNegative | None
    before_channels: Channels | None = None
    after_channels: Channels | None = None


@dataclass(frozen=True)
class Artifact:
    """One file of the result in another format or precision.

    Attributes:
        path: in the run directory.
        format: such as ``onnx``.
        precision: such as ``int8``.
        kept: whether it passed its gates.
        reason: why it did not.
        bytes: size of the file.
        accuracy: on the test split; None where it does not run.
        agreement: share of images on which it names torch's class.
        ratio: latency to the float32 file.
        calibration: the recipe of int8.
        notes: what else its reader must know.
    """

    __pydantic_config__ = EXACT

    path: str
    format: str
    precision: str
    kept: bool
    reason: str
    bytes: Count
    accuracy: Score | None = None
    agreement: Share | None = None
    ratio: Positive | None = None
    calibration: str | None = None
    notes: tuple[str, ...] = ()


@dataclass(frozen=True)
class Summary:
    """Everything one report page shows.

    Attributes:
        title: of the page.
        created: when the run finished, ISO 8601.
        version: of edgeprune.
        seed: of the search.
        pipeline: the pipeline file's text.
        target: where latency was measured.
        budget: what was asked for.
        rows: the finished models, exactly one of each of `ROLES`.
        trials: of every search, in the order they ran.
        groups: channel groups, or layers whose weights were cut, in the model's order.
        layers: per-layer latency in the model's order.
        seconds: median seconds of a trial by step, such as ``{"recover": 0.4}``.
        verification: of the result's written file.
        granularity: what was cut.
        artifacts: the result in other formats and precisions.
        clusters: what sampler bocr tied together, stage by stage.
        past: what earlier searches contributed; None where no history was kept.
        joint: the network while it was trained and pruned together, epoch by epoch.
        ladder: the finished models of a search with regimes, or of a run with several budgets.
        race: how the result was chosen; every contender, in the order they started.
        curves: what cutting each group alone costs; None where it was not measured.
        notes: anything else the reader must know.
        classes: accuracy class by class, where it was counted.
        boards: of a pool, in its order.
        judged: what ``accuracy`` is on this page.
        directory: where the run is, for commands that the reader may copy; "" where not known.
        deploy: commands that bring the model onto the device.
    """

    __pydantic_config__ = EXACT

    title: str
    created: Annotated[str, AfterValidator(_iso_time)]
    version: str
    seed: int
    pipeline: str
    target: Target
    budget: Budget
    rows: tuple[Row, ...]
    trials: tuple[Trial, ...]
    groups: tuple[Group, ...]
    layers: tuple[Layer, ...]
    seconds: dict[str, NotNegative]
    verification: Verification
    granularity: Literal["channels", "weights"] = "channels"
    artifacts: tuple[Artifact, ...] = ()
    clusters: tuple[Clusters, ...] = ()
    past: Past | None = None
    joint: tuple[JointEpoch, ...] = ()
    ladder: tuple[Rung, ...] = ()
    race: tuple[Raced, ...] = ()
    curves: Curves | None = None
    notes: tuple[str, ...] = ()
    classes: tuple[ClassAccuracy, ...] = ()
    boards: tuple[BoardRow, ...] = ()
    judged: Judged = field(default_factory=Judged)
    directory: str = ""
    deploy: tuple[str, ...] = ()

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> "Summary":
        """Check plain values and make a summary of them.

        Args:
            data: what `to_json` gives, or the same read from a JSON file.

        Raises:
            RunError: values are missing, misspelt or impossible, or a role has not exactly one
                row; one message names all of them.
        """
        try:
            summary = _ADAPTER.validate_python(dict(data))
        except ValidationError as error:
            problems = "\n".join(f"  {_explain(problem)}" for problem in error.errors())
            msg = f"the run's summary cannot be reported:\n{problems}"
            raise RunError(msg) from error
        _check_roles(summary)
        return summary

    def to_json(self) -> dict[str, Any]:
        """Plain values that `from_json` accepts."""
        return dataclasses.asdict(self)

    def row(self, role: Role) -> Row:
        """The one row of a role."""
        return next(row for row in self.rows if row.role == role)

    @property
    def roles(self) -> tuple[Role, ...]:
        """The roles of its rows: base, result and the baselines."""
        return ROLES[self.granularity]

    @property
    def frontier(self) -> bool:
        """Whether the ladder is one of budgets, with the baselines beside each."""
        return any(rung.beside for rung in self.ladder)


_ADAPTER = TypeAdapter(Summary)

_KEYS = {
    one.name
    for kind in (
        Summary,
        Target,
        Budget,
        Row,
        Trial,
        Group,
        Layer,
        Verification,
        Artifact,
        Clusters,
        Rung,
        Raced,
        Curves,
        ClassAccuracy,
        BoardRow,
        Judged,
    )
    for one in dataclasses.fields(kind)
}


def _explain(problem: Any) -> str:
    path = ".".join(str(part) for part in problem["loc"])
    if problem["type"] in {"unexpected_keyword_argument", "extra_forbidden"}:
        return f"{path}: unknown key{nearest(str(problem['loc'][-1]), _KEYS)}"
    if problem["type"] == "missing":
        return f"{path}: missing"
    got = repr(problem["input"])
    return f"{path}: {problem['msg']} (got {got if len(got) <= 80 else got[:79] + '…'})"


_BASELINES = {
    "channels": "uniform-L1, plain and filled",
    "weights": "global magnitude, uniform density",
}


def _check_roles(summary: Summary) -> None:
    counts = Counter(row.role for row in summary.rows)
    wrong = [f"{role}: {counts[role]} rows" for role in summary.roles if counts[role] != 1]
    if wrong:
        msg = (
            "the run's summary cannot be reported: its rows must hold the base model, the result, "
            f"{_BASELINES[summary.granularity]}, and random search, each exactly once; "
            f"got {', '.join(wrong)}"
        )
        raise RunError(msg)
