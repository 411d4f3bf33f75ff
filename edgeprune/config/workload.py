"""The workload: model, data, task, and how the base model is trained where it has no weights."""

from typing import Annotated, Any, Literal, Self

from pydantic import Field, model_validator

from edgeprune.config.section import LARGEST_SEED, FilePath, FolderAfter, Section, Texts

_ChannelMeans = Annotated[tuple[float, ...], Field(strict=False, min_length=1)]
_ChannelDeviations = Annotated[
    tuple[Annotated[float, Field(gt=0)], ...], Field(strict=False, min_length=1)
]


#: Tasks in which what belongs to no class has one of its own.
_OF_SEVERAL = frozenset({"classification", "segmentation"})
#: Prefixes of libraries whose models have names of their own; no module of a user's.
TIMM, HUGGING_FACE = "timm:", "hf:"


class ModelConfig(Section):
    """The trained CNN to prune."""

    name: Annotated[str, FolderAfter(HUGGING_FACE)] = Field(
        min_length=1,
        examples=["resnet20", "timm:mobilenetv4_conv_small", "hf:./my-model", "mynets:detector"],
        description=(
            "resnet20, resnet32, resnet44, resnet56, resnet110 or mobilenet_v1 (CIFAR sizes), any "
            "torchvision classifier, `timm:NAME`, `hf:ID` or `hf:./FOLDER` (Hugging Face), or your "
            "own as `module:function`."
        ),
    )
    num_classes: int | None = Field(
        None,
        ge=1,
        examples=[10],
        description="Number of classes, at least 2 for classification and segmentation; null "
        "leaves the model's own default.",
    )
    weights: Literal["pretrained"] | FilePath | None = Field(
        None,
        examples=["pretrained", "weights/mine.safetensors"],
        description=(
            "A .pt, .pth or .safetensors file with a state dict, or `pretrained` for the weights "
            "that torchvision, timm or Hugging Face have for the name; null trains here, with "
            "workload.train."
        ),
    )
    shortcut: Literal["A", "B"] = Field(
        "A", description="Shortcut of the CIFAR ResNets: A pads channels, B is a 1x1 convolution."
    )
    args: dict[str, Any] = Field(
        default_factory=dict,
        examples=[{"width": 0.5}],
        description="Keyword arguments of the function that builds the model.",
    )

    @property
    def names_code(self) -> bool:
        """Whether the name is that of somebody's own code, which building the model runs."""
        return ":" in self.name and not self.name.startswith((TIMM, HUGGING_FACE))


class DataConfig(Section):
    """The images, and how they are split into train, reward and test."""

    name: str = Field(
        min_length=1,
        examples=["imagefolder", "mydata:birds"],
        description="digits, digit_pairs, cifar10, imagefolder, imagecsv (a table: `args: {file: "
        "images.csv}`, columns path, label, perhaps split), imagemasks (segmentation), coco "
        "(detection), targetcsv (regression; see the page on tasks), or your own as "
        "`module:function`.",
    )
    root: FilePath | None = Field(
        None,
        examples=["data/birds"],
        description=(
            "Folder of the data; for imagefolder a folder or a .tar, .tar.gz or .tar.xz archive "
            "with train/ and test/ (or val/), one folder per class in each."
        ),
    )
    reward_split: float = Field(
        0.25,
        gt=0,
        lt=1,
        description=(
            "Share of the training images that is kept for the reward and never trained on; used "
            "where no reward_list is given."
        ),
    )
    reward_list: FilePath | None = Field(
        None,
        examples=["data/reward.txt"],
        description=(
            "Text file that names the reward images, one path relative to root a line; needed "
            "where weights are given, because those may have seen any training image."
        ),
    )
    test_list: FilePath | None = Field(
        None,
        examples=["data/test.txt"],
        description="Text file that names the test images, like reward_list.",
    )
    image_size: int | None = Field(
        None,
        ge=1,
        examples=[224],
        description=(
            "Height and width in pixels; null: that of the model's published weights, else the "
            "dataset's own default."
        ),
    )
    mean: _ChannelMeans | None = Field(
        None,
        examples=[[0.485, 0.456, 0.406]],
        description=(
            "Mean of each channel, for pixels from 0 to 1, that the weights were trained with; "
            "null: those of the model's published weights, else the dataset's own default."
        ),
    )
    std: _ChannelDeviations | None = Field(
        None,
        examples=[[0.229, 0.224, 0.225]],
        description="Standard deviation of each channel, like mean.",
    )
    augment: bool = Field(
        True, description="Whether training images are cropped and flipped at random."
    )
    download: bool = Field(False, description="Whether a missing dataset may be downloaded.")
    seed: int = Field(
        0, ge=0, le=LARGEST_SEED, description="Seed of the splits and of training the base model."
    )
    args: dict[str, Any] = Field(
        default_factory=dict,
        examples=[{"fold": 2}],
        description="Keyword arguments of the function that opens the data.",
    )

    @model_validator(mode="after")
    def _matching_channels(self) -> Self:
        if self.mean is not None and self.std is not None and len(self.mean) != len(self.std):
            msg = (
                f"mean has {len(self.mean)} values and std has {len(self.std)}; "
                "allowed: one of each per channel"
            )
            raise ValueError(msg)
        return self


class TrainConfig(Section):
    """Training the base model here."""

    mode: Literal["base", "joint"] = Field(
        "base",
        description="base: the base model alone, which is then pruned. joint: weights and widths "
        "together, from random weights; its settings stand under `joint:`.",
    )
    epochs: int = Field(12, ge=1, description="Passes over the training images.")
    lr: float = Field(0.1, gt=0, description="Highest learning rate; it falls along a cosine.")
    batch_size: int = Field(64, ge=1, description="Images per step.")
    weight_decay: float = Field(5e-4, ge=0, description="L2 penalty on the weights.")

    @model_validator(mode="after")
    def _one_recipe(self) -> Self:
        usual = type(self).model_fields.items()
        given = [
            name for name, one in usual if name != "mode" and getattr(self, name) != one.default
        ]
        if self.mode == "joint" and given:
            msg = f"mode joint is told by `joint:`, so {', '.join(given)} would never be used"
            raise ValueError(msg)
        return self


class WorkloadConfig(Section):
    """A model with its data."""

    model: ModelConfig = Field(description="The trained CNN to prune.")
    data: DataConfig = Field(description="The images it is trained, rewarded and tested with.")
    task: str = Field(
        "classification",
        min_length=1,
        examples=["segmentation", "mytasks:Depth"],
        description="What the network is for: classification, segmentation, detection, "
        "regression, or your own as `module:Class` (see the page on tasks).",
    )
    metrics: Texts = Field(
        (),
        examples=[["F1", "recall"]],
        description="What it is judged by: the first is what a search maximises, the others are "
        "reported, and rewards see them. None: the task's own.",
    )
    task_args: dict[str, Any] = Field(
        default_factory=dict,
        examples=[{"ignore": 0}],
        description="Keyword arguments of the task.",
    )
    train: TrainConfig | None = Field(
        None, description="How the base model is trained; only where no weights are given."
    )

    @model_validator(mode="after")
    def _something_to_tell(self) -> Self:
        if self.model.num_classes == 1 and self.task in _OF_SEVERAL:
            msg = (
                f"model.num_classes must be a whole number at least 2 or null where task is "
                f"{self.task}, which tells classes apart; got 1 (a detector may have one class)"
            )
            raise ValueError(msg)
        return self

    @model_validator(mode="after")
    def _trained_once(self) -> Self:
        if self.model.weights is not None and self.train is not None:
            if self.train.mode == "joint":
                msg = (
                    "train.mode joint trains and prunes from random weights, but model.weights is "
                    f"{str(self.model.weights)!r}: make it null, or search with amc"
                )
                raise ValueError(msg)
            msg = (
                f"got both model.weights {str(self.model.weights)!r} and train, which would never "
                "be used; allowed: one of them. Set train to null, or model.weights to null"
            )
            raise ValueError(msg)
        return self
