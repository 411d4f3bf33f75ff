"""The stages after the workload is open: pruning, search, recovery, fine-tuning, export."""

from typing import Annotated, Any, Literal

from pydantic import Field

from edgeprune.config.multiples import ChannelMultiples
from edgeprune.config.names import FormatName
from edgeprune.config.section import LARGEST_SEED, Section, Texts


class PruneConfig(Section):
    """What may be cut, and which channels go first."""

    granularity: Literal["channels", "weights"] = Field(
        "channels",
        description="What is cut: whole channels, or single weights by magnitude, which makes the "
        "file smaller and a dense runtime no faster (budget.sparsity).",
    )
    importance: Literal["obs", "l1", "l2", "fpgm", "bn_scale", "taylor"] = Field(
        "obs",
        description="Criterion that ranks the channels of a group; the lowest are cut. obs: what "
        "the layers that read a channel cannot make up for.",
    )
    min_keep: float = Field(
        0.1, gt=0, le=1, description="Smallest share of its channels that a group keeps."
    )
    blocks: bool = Field(
        True,
        description="Whether whole residual branches may go; false cuts channels alone.",
    )
    channel_multiple: ChannelMultiples | None = Field(
        None,
        examples=[8, {"conv": 4, "depthwise": 16}],
        description="Widths are multiples of this number, or of one number for each kind of "
        "layer; null leaves it to the target's profile.",
    )
    include: Texts = Field(
        (),
        examples=[["layer1.*", "layer2.*"]],
        description="Globs over names of groups (of layers, for weights); where given, only these "
        "may be cut.",
    )
    exclude: Texts = Field(
        (),
        examples=[["features.0.*"]],
        description="Globs over names of groups (or layers) that are never cut.",
    )


class SearchConfig(Section):
    """How widths are searched for."""

    sampler: str = Field(
        "knapsack",
        min_length=1,
        examples=["amc", "optuna:TPESampler"],
        description="knapsack, amc, bocr, history, purl, qlp, uniform, random, or any Optuna "
        "sampler as `optuna:TPESampler`. With single weights amc where "
        "nothing is said.",
    )
    trials: int = Field(80, ge=1, le=1_000_000, description="Candidates that are evaluated.")
    seed: int = Field(
        0, ge=0, le=LARGEST_SEED, description="Seed of the sampler, recovery and fine-tuning."
    )
    reward: str = Field(
        "accuracy",
        min_length=1,
        examples=["mnas"],
        description=(
            "accuracy (the budget is held by the action wall), mnas (accuracy times latency to a "
            "power), amc (minus error times log latency), or `module:function`."
        ),
    )
    precision: Literal["float32", "int8"] = Field(
        "float32",
        description="Number format in which candidates are scored and measured, each beside the "
        "base model in the same one; int8 needs int8 in export.precision as well.",
    )
    curves_s: float = Field(
        300.0,
        ge=0,
        description="Seconds for measuring what cutting each group alone costs; what does not fit "
        "is interpolated. 0: no curves.",
    )
    set_aside_in_a_row: int = Field(
        5,
        ge=1,
        description="Candidates that are set aside one after another, because the device failed "
        "at each of them again and again, before the run stops; it can be resumed.",
    )
    options: dict[str, Any] = Field(
        default_factory=dict,
        examples=[{"corrections": 10}],
        description="Settings of the sampler, by its own names: see the page on samplers.",
    )
    warm_start: Literal["history"] | None = Field(
        None,
        examples=["history"],
        description="`history`: any sampler but random and uniform begins with the best widths of "
        "earlier searches, translated to this model.",
    )
    remeasure: bool = Field(
        False,
        description="Whether candidates are measured again that the history knows from this very "
        "target; finalists always are.",
    )


class RecoverConfig(Section):
    """How a candidate is repaired before it is scored."""

    reconstruction: Literal["least_squares", "none"] = Field(
        "least_squares",
        description="How what is left is refitted to the base model: the layers that read a cut "
        "group, or, with single weights, every layer.",
    )
    recalibrate_bn: bool = Field(
        True, description="Whether batch-norm statistics are estimated again."
    )
    images: int = Field(512, ge=1, description="Training images that recovery looks at.")
    retrain_images: Literal["auto"] | Annotated[int, Field(ge=0)] = Field(
        "auto",
        examples=[2048],
        description="Training images that a candidate is trained on, once, before it is "
        "scored. 0: none. `auto`: 2048 where candidates of this budget otherwise get less than "
        "20 % of what the base model gets right; none for single weights.",
    )


class FinetuneConfig(Section):
    """Training of the finished models, the compared ones included."""

    epochs: int = Field(8, ge=0, description="Passes over the training images; 0 for none.")
    lr: float = Field(0.05, gt=0, description="Highest learning rate.")
    warmup: float = Field(
        0.0, ge=0, lt=1, description="Share of the steps in which the learning rate rises."
    )
    schedule: Literal["cosine", "linear"] = Field(
        "cosine", description="How the learning rate falls to zero after that."
    )
    batch_size: int = Field(32, ge=1, description="Images per step.")
    weight_decay: float = Field(5e-4, ge=0, description="L2 penalty on the weights.")
    distill: bool = Field(True, description="Whether the base model teaches the smaller one.")
    temperature: float = Field(4.0, gt=0, description="Softening of both outputs in distillation.")
    distill_weight: float = Field(
        0.5,
        ge=0,
        le=1,
        description="Weight of the base model's outputs beside the labels: 1 for them alone, 0.5 "
        "for the sum of both.",
    )
    ema: float | None = Field(
        None,
        examples=[0.99],
        gt=0,
        lt=1,
        description="Decay of a moving average of the weights, which is then the result; null for "
        "none.",
    )
    clip: float = Field(
        1.0,
        ge=0,
        description="Largest norm of a step's gradient; 0 for any. Without it the first steps can "
        "undo what recovery repaired.",
    )


_Formats = Annotated[tuple[FormatName, ...], Field(strict=False, min_length=1)]


_Precisions = Annotated[
    tuple[Literal["float32", "float16", "int8"], ...], Field(strict=False, min_length=1)
]


class ExportConfig(Section):
    """What is written in the end."""

    formats: _Formats = Field(
        ("onnx",),
        examples=[["onnx", "tflite"]],
        description="File formats of the finished model, those of installed packages among them; "
        "ONNX is always written.",
    )
    precision: _Precisions = Field(
        ("float32",),
        examples=[["float32", "int8"]],
        description="Number formats beside float32, which is always written; each is kept only "
        "if it is accurate enough and faster.",
    )
    calibration: str = Field(
        "default",
        min_length=1,
        examples=["calibration/mine.yaml"],
        description="Recipe of int8: one that comes with edgeprune, or the path of a YAML file.",
    )
    accuracy_drop: float = Field(
        1.0, ge=0, description="Percentage points that a lower precision may lose to float32."
    )
    qat_epochs: int = Field(
        0,
        ge=0,
        description="Passes of quantisation-aware training, tried where int8 loses too much "
        "without; 0 for none.",
    )
    max_transposes: int | None = Field(
        None, ge=0, examples=[0], description="Transpose nodes above which an artifact is rejected."
    )
