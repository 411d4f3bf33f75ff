"""Every setting of a pipeline file and of a target profile, with its type, limits and default."""

from typing import Any, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, model_validator

from edgeprune.config.values import (
    Channels,
    FilePath,
    Formats,
    Globs,
    Ratio,
    TargetName,
    Weights,
)


class Settings(BaseModel):
    """Base of all settings: unknown keys and other types are errors, values never change."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)


class ModelConfig(Settings):
    """Which network."""

    name: str = Field(description="A model's name, or module:function of your own.")
    num_classes: int | None = Field(None, ge=2, description="Outputs; the model's own by default.")
    weights: Weights | None = Field(
        None, description="A .pt, .pth or .safetensors file; 'pretrained' for torchvision's own."
    )
    shortcut: Literal["A", "B"] = Field("A", description="CIFAR ResNets: padded (A) or 1x1 (B).")
    args: dict[str, Any] = Field({}, description="Further arguments of the model's function.")


class DataConfig(Settings):
    """Which images, and how they are split."""

    name: str = Field(description="digits, cifar10, imagefolder, or module:function of your own.")
    root: FilePath | None = Field(None, description="Folder or .tar archive of the images.")
    reward_split: float = Field(
        0.25, gt=0, lt=1, description="Share of the training images kept back for the reward."
    )
    reward_list: FilePath | None = Field(
        None, description="Text file of image paths, one a line, for the reward."
    )
    test_list: FilePath | None = Field(
        None, description="Text file of image paths, one a line, for the final score."
    )
    image_size: int | None = Field(None, ge=1, description="Side the images are resized to.")
    mean: Channels | None = Field(None, description="Per channel, taken off images in 0 to 1.")
    std: Channels | None = Field(None, description="Per channel, images are divided by it.")
    augment: bool = Field(True, description="Random crops and flips while training.")
    download: bool = Field(False, description="Fetch the data set when it is not there.")
    seed: int = Field(0, ge=0, description="Fixes the splits and the training of the base model.")
    args: dict[str, Any] = Field({}, description="Further arguments of the data set's function.")


class TrainConfig(Settings):
    """How the base model is trained, where no weights are given."""

    epochs: int = Field(12, ge=1)
    lr: float = Field(0.1, gt=0, description="Largest learning rate; it falls on a cosine.")
    batch_size: int = Field(64, ge=1)
    weight_decay: float = Field(5e-4, ge=0)


class WorkloadConfig(Settings):
    """A model, its data and how it is trained."""

    model: ModelConfig
    data: DataConfig
    train: TrainConfig | None = Field(None, description="Only where no weights are given.")


class BudgetConfig(Settings):
    """The latency that is asked for; one of the two."""

    latency: Ratio | None = Field(
        None, gt=0, lt=1, description="As a ratio to the measured base model, e.g. 0.5x."
    )
    latency_ms: float | None = Field(None, gt=0, description="In milliseconds on the target.")

    @model_validator(mode="after")
    def _one(self) -> Self:
        if (self.latency is None) == (self.latency_ms is None):
            msg = "give one of latency (e.g. 0.5x) and latency_ms (e.g. 3.5)"
            raise ValueError(msg)
        return self

    @property
    def text(self) -> str:
        """As the user would write it: ``0.5x`` or ``3.5 ms``."""
        return f"{self.latency:g}x" if self.latency is not None else f"{self.latency_ms:g} ms"


class PruneConfig(Settings):
    """What may be cut, and which channels go first."""

    importance: Literal["l1", "l2", "fpgm", "bn_scale", "taylor"] = Field(
        "l1", description="Ranks the channels of a group."
    )
    min_keep: float = Field(0.1, gt=0, le=1, description="Smallest kept share of a group.")
    channel_multiple: int | None = Field(
        None, ge=1, description="Widths are multiples of it; the target's own by default."
    )
    include: Globs = Field((), description="Only groups whose names match may be cut.")
    exclude: Globs = Field((), description="Groups whose names match are left alone.")


class SearchConfig(Settings):
    """How widths are searched."""

    sampler: str = Field("amc", description="amc, random, uniform, or optuna:TPESampler.")
    trials: int = Field(80, ge=1, description="Candidates that are evaluated.")
    seed: int = Field(0, ge=0, description="Fixes the search and the fine-tuning.")
    reward: str = Field("accuracy", description="accuracy, mnas, amc, or module:function.")
    options: dict[str, Any] = Field({}, description="Options of the sampler.")


class RecoverConfig(Settings):
    """How a candidate is repaired before it is scored."""

    reconstruction: Literal["least_squares", "none"] = "least_squares"
    recalibrate_bn: bool = Field(True, description="Re-estimate batch-norm statistics.")
    images: int = Field(512, ge=1, description="Training images the repair looks at.")


class FinetuneConfig(Settings):
    """How the result is trained on."""

    epochs: int = Field(8, ge=0)
    lr: float = Field(0.02, gt=0, description="Largest learning rate; it falls on a cosine.")
    batch_size: int = Field(64, ge=1)
    weight_decay: float = Field(5e-4, ge=0)
    distill: bool = Field(True, description="Learn from the base model's outputs too.")
    temperature: float = Field(4.0, gt=0, description="Softens both outputs for distillation.")


class ExportConfig(Settings):
    """What is written."""

    formats: Formats = Field(("onnx",), min_length=1)


class PipelineConfig(Settings):
    """A pipeline file."""

    workload: WorkloadConfig
    target: TargetName = Field("local", description="A profile's name, or the path of one.")
    budget: BudgetConfig
    prune: PruneConfig = PruneConfig()
    search: SearchConfig = SearchConfig()
    recover: RecoverConfig = RecoverConfig()
    finetune: FinetuneConfig = FinetuneConfig()
    export: ExportConfig = ExportConfig()


class MeasureConfig(Settings):
    """How one latency is measured."""

    warmup: int = Field(20, ge=0, description="Runs before the timed ones.")
    runs: int = Field(100, ge=1, description="Timed runs at most, of each of the two models.")
    timeout_s: float = Field(120, gt=0, description="Seconds before the device counts as hung.")


class SimulatedConfig(Settings):
    """Cost model of a simulated device."""

    ns_per_mac: float = Field(0.05, ge=0)
    ns_per_element: float = Field(0.5, ge=0, description="Per element of every layer's output.")
    ns_per_layer: float = Field(2000, ge=0)
    staircase: int = Field(8, ge=1, description="Channels are rounded up to a multiple of it.")
    noise: float = Field(0.01, ge=0, description="Relative standard deviation of a sample.")
    seed: int = Field(0, ge=0)


class TargetConfig(Settings):
    """A target profile."""

    name: str
    kind: Literal["local", "simulated"]
    runtime: Literal["onnxruntime"] = "onnxruntime"
    threads: int = Field(1, ge=1, description="Threads of one inference.")
    precision: Literal["float32"] = "float32"
    channel_multiple: int = Field(1, ge=1, description="Channel counts the kernels like.")
    measure: MeasureConfig = MeasureConfig()
    simulated: SimulatedConfig | None = None

    @model_validator(mode="after")
    def _has_cost_model(self) -> Self:
        if (self.kind == "simulated") != (self.simulated is not None):
            msg = "the section simulated goes with kind: simulated, and only with it"
            raise ValueError(msg)
        return self
