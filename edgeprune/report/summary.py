"""What a report page shows, as plain data: the contract between the pipeline and the page."""

import dataclasses
import datetime
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, ConfigDict, Field, TypeAdapter, ValidationError

from edgeprune.devices.clocks import unit_of
from edgeprune.errors import RunError, nearest
from edgeprune.report.ladder import Rung

Role = Literal["base", "result", "uniform", "random"]

#: Every page shows these four: AMC replications have lost to uniform one-shot L1, so a result
#: without its two comparisons says little (architecture, decision 9).
ROLES: tuple[Role, ...] = ("base", "result", "uniform", "random")


def _iso_time(text: str) -> str:
    datetime.datetime.fromisoformat(text)
    return text


def _ordered(interval: tuple[float, float]) -> tuple[float, float]:
    if interval[0] > interval[1]:
        msg = f"the lower end {interval[0]} is above the upper end {interval[1]}"
        raise ValueError(msg)
    return interval


_Share = Annotated[float, Field(ge=0, le=1, allow_inf_nan=False)]
_Positive = Annotated[float, Field(gt=0, allow_inf_nan=False)]
_NotNegative = Annotated[float, Field(ge=0, allow_inf_nan=False)]
_Finite = Annotated[float, Field(allow_inf_nan=False)]
_Count = Annotated[int, Field(ge=0)]
_Width = Annotated[int, Field(ge=1)]
_Interval = Annotated[tuple[_Positive, _Positive], AfterValidator(_ordered)]
_Channels = Annotated[str, Field(pattern=r"^\d+->\d+$")]

#: A misspelt key must not silently become a missing value.
_EXACT = ConfigDict(extra="forbid")


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

    __pydantic_config__ = _EXACT

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
    """What was asked for: `text` as the user wrote it, `ratio` to the base, whether it is `met`."""

    __pydantic_config__ = _EXACT

    text: str
    ratio: _Positive
    met: bool


@dataclass(frozen=True)
class Row:
    """One finished model of the before/after table.

    Attributes:
        name: shown as it is.
        role: exactly one row of each role belongs to a summary.
        accuracy: of the written file on the test split, 0 to 1.
        latency_ms: median latency.
        latency_interval: 95 % interval of that median, in ms.
        ratio: latency relative to the base, timed interleaved with it; 1 for the base.
        ratio_interval: 95 % interval of `ratio`.
        macs: multiply-accumulate operations of one image.
        parameters: number of weights.
        bytes: size of the written file.
        reward_accuracy: on the reward split, before fine-tuning, where known.
        trials: how many candidates its search evaluated, where there was one.
        note: anything a reader must know about this row.
    """

    __pydantic_config__ = _EXACT

    name: str
    role: Role
    accuracy: _Share
    latency_ms: _Positive
    latency_interval: _Interval
    ratio: _Positive
    ratio_interval: _Interval
    macs: _Count
    parameters: _Count
    bytes: _Count
    reward_accuracy: _Share | None = None
    trials: _Count | None = None
    note: str = ""


@dataclass(frozen=True)
class Trial:
    """One evaluated candidate of a search.

    Attributes:
        number: of the trial within its sampler's search, from 0.
        sampler: which search it belongs to.
        accuracy: on the reward split, before fine-tuning, 0 to 1.
        ratio: latency relative to the base.
        latency_ms: median latency.
        macs: multiply-accumulate operations of one image.
        reward: what the sampler maximises.
        feasible: whether it is within the budget.
        finalist: whether it was measured again when the result was chosen.
        predicted: the ratio that the latency estimator gave before it was measured.
    """

    __pydantic_config__ = _EXACT

    number: _Count
    sampler: str
    accuracy: _Share
    ratio: _Positive
    latency_ms: _Positive
    macs: _Count
    reward: _Finite
    feasible: bool
    finalist: bool = False
    predicted: _Positive | None = None


@dataclass(frozen=True)
class Group:
    """A channel group's width `before` and `after`; `fixed` says why it could not be cut."""

    __pydantic_config__ = _EXACT

    name: str
    layers: tuple[str, ...]
    before: _Width
    after: _Width
    macs_share: _Share
    fixed: str | None = None


@dataclass(frozen=True)
class Layer:
    """One layer's own latency in the base model and in the result.

    Attributes:
        name: of the layer.
        op: its ONNX operator.
        before_ms: in the base model; None where the runtime has no such layer there.
        after_ms: in the result; None where the runtime has no such layer there.
        before_channels: ``"16->32"``, input to output channels, where known.
        after_channels: the same in the result.
    """

    __pydantic_config__ = _EXACT

    name: str
    op: str
    before_ms: _NotNegative | None
    after_ms: _NotNegative | None
    before_channels: _Channels | None = None
    after_channels: _Channels | None = None


@dataclass(frozen=True)
class Verification:
    """How the written file compares with the torch model over the test split."""

    __pydantic_config__ = _EXACT

    max_abs_difference: _NotNegative
    top1_agreement: _Share
    images: _Width
    output_scale: _NotNegative | None = None
    accuracy: _Share | None = None
    mean_abs_difference: _NotNegative | None = None


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

    __pydantic_config__ = _EXACT

    path: str
    format: str
    precision: str
    kept: bool
    reason: str
    bytes: _Count
    accuracy: _Share | None = None
    agreement: _Share | None = None
    ratio: _Positive | None = None
    calibration: str | None = None
    notes: tuple[str, ...] = ()


@dataclass(frozen=True)
class Clusters:
    """What the search tied together, from one number of trials on.

    Attributes:
        since: trials before.
        groups: the cluster of every group, from 0.
    """

    __pydantic_config__ = _EXACT

    since: _Count
    groups: dict[str, _Count]

    @property
    def count(self) -> int:
        """How many clusters there are."""
        return len(set(self.groups.values()))

    @property
    def members(self) -> list[list[str]]:
        """The groups of each cluster, clusters of several groups only."""
        found: dict[int, list[str]] = {}
        for name, cluster in self.groups.items():
            found.setdefault(cluster, []).append(name)
        return [names for names in found.values() if len(names) > 1]


@dataclass(frozen=True)
class Past:
    """What earlier searches contributed.

    Attributes:
        sources: their names.
        source_trials: trials of all of them.
        trials: of this search.
        reused: how many of those were not measured again.
        trusted: how many of the sources were in use to the end; None where nothing judges them.
        predicted: how many rewards were predicted.
        error: mean absolute error of those predictions, in units of the reward.
        rank: rank correlation of predictions and rewards.
    """

    __pydantic_config__ = _EXACT

    sources: tuple[str, ...]
    source_trials: _Count
    trials: _Count
    reused: _Count
    predicted: _Count
    trusted: _Count | None = None
    error: _NotNegative | None = None
    rank: _Finite | None = None


@dataclass(frozen=True)
class JointEpoch:
    """The network after an epoch of training and pruning together.

    Attributes:
        epoch: from 0.
        dense: accuracy of the whole network on the reward images.
        pruned: that of the structure that leads, with the same weights; None before there is one.
        tried: mean of the structures that the agent tried then; None where it had no turn.
        to_cut: sum of the norms of the weights that are to be cut.
        decoder_error: mean squared error of the rewards that the agent's view of the training
            explains; None where the agent had no turn.
    """

    __pydantic_config__ = _EXACT

    epoch: _Count
    dense: _Share
    pruned: _Share | None = None
    tried: _Share | None = None
    to_cut: _NotNegative | None = None
    decoder_error: _NotNegative | None = None


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
        groups: channel groups in the model's order.
        layers: per-layer latency in the model's order.
        seconds: median seconds of a trial by step, such as ``{"recover": 0.4}``.
        verification: of the result's written file.
        artifacts: the result in other formats and precisions.
        clusters: what sampler bocr tied together, stage by stage.
        past: what earlier searches contributed; None where no history was kept.
        joint: the network while it was trained and pruned together, epoch by epoch.
        ladder: the finished models of a search with regimes.
        notes: anything else the reader must know.
    """

    __pydantic_config__ = _EXACT

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
    seconds: dict[str, _NotNegative]
    verification: Verification
    artifacts: tuple[Artifact, ...] = ()
    clusters: tuple[Clusters, ...] = ()
    past: Past | None = None
    joint: tuple[JointEpoch, ...] = ()
    ladder: tuple[Rung, ...] = ()
    notes: tuple[str, ...] = ()

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
        _check_roles(summary.rows)
        return summary

    def to_json(self) -> dict[str, Any]:
        """Plain values that `from_json` accepts."""
        return dataclasses.asdict(self)

    def row(self, role: Role) -> Row:
        """The one row of a role."""
        return next(row for row in self.rows if row.role == role)


_ADAPTER = TypeAdapter(Summary)

_KEYS = {
    field.name
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
    )
    for field in dataclasses.fields(kind)
}


def _explain(problem: Any) -> str:
    path = ".".join(str(part) for part in problem["loc"])
    if problem["type"] in {"unexpected_keyword_argument", "extra_forbidden"}:
        return f"{path}: unknown key{nearest(str(problem['loc'][-1]), _KEYS)}"
    if problem["type"] == "missing":
        return f"{path}: missing"
    got = repr(problem["input"])
    return f"{path}: {problem['msg']} (got {got if len(got) <= 80 else got[:79] + '…'})"


def _check_roles(rows: tuple[Row, ...]) -> None:
    counts = Counter(row.role for row in rows)
    wrong = [f"{role}: {counts[role]} rows" for role in ROLES if counts[role] != 1]
    if wrong:
        msg = (
            "the run's summary cannot be reported: its rows must hold the base model, the result, "
            "uniform-L1 at the same latency and random search, each exactly once; "
            f"got {', '.join(wrong)}"
        )
        raise RunError(msg)
