"""A pipeline file for one's own model and images, proposed from what is there.

What a person would have to look up is looked at: the folder's layout, the size of its images, the
number of classes; with weights, the normalisation under which they get most images right.
"""

import os
import random
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np
import yaml
from pydantic import ValidationError
from torch import nn

from edgeprune.config import BudgetConfig, ModelConfig, load_target
from edgeprune.config.budget import ALLOWED
from edgeprune.config.section import FolderAfter
from edgeprune.config.workload import HUGGING_FACE
from edgeprune.config.yaml_rules import Dumper
from edgeprune.errors import ConfigError, UserError, WorkloadError
from edgeprune.evaluation import accuracy
from edgeprune.workloads import Split, build_model
from edgeprune.workloads.datasets.imagefolder import LARGE_IMAGE_SIZE, SMALL_IMAGE, open_root
from edgeprune.workloads.datasets.registry import datasets
from edgeprune.workloads.decoding import Scaling, decode, read_size
from edgeprune.workloads.file_split import FileSplit
from edgeprune.workloads.image_table import read_table
from edgeprune.workloads.image_tree import WHOLE, ImageTree, read_tree
from edgeprune.workloads.models.registry import published_recipe
from edgeprune.workloads.normalisation import IMAGENET, Normalisation
from edgeprune.workloads.stratified import stratified_share
from edgeprune.workloads.weights import load_weights, read_weights

#: Images whose size is read, whose colours are measured, and that weights are tried on.
_SIZED, _MEASURED, _TRIED = 24, 200, 200
#: What weights are commonly trained with, beside what is measured.
_COMMON = {
    "ImageNet's": IMAGENET,
    "pixels from 0 to 1": Normalisation((0.0,) * 3, (1.0,) * 3),
    "pixels from -1 to 1": Normalisation((0.5,) * 3, (0.5,) * 3),
    "CIFAR-10's": Normalisation((0.4914, 0.4822, 0.4465), (0.247, 0.2435, 0.2616)),
    "pixels from 0 to 255": Normalisation((0.0,) * 3, (1 / 255,) * 3),
}
#: Sizes that large images are commonly brought to.
_SIZES = (224, 192, 160, 128, 96, 64, 32)


@dataclass(frozen=True)
class Wishes:
    """What a person says of a run.

    Attributes:
        model: a name, or ``module:function``.
        data: a folder or archive of images, a data set's name, or ``module:function``.
        weights: a file, or ``pretrained``; None: the model is trained here.
        target: a profile's name or file.
        budget: latency as a ratio: ``0.5x``.
        image_size: height and width; None: what is found.
        args: keyword arguments of the model's function.
    """

    model: str
    data: str
    weights: str | None = None
    target: str = "local"
    budget: str = "0.5x"
    image_size: int | None = None
    args: dict[str, object] = field(default_factory=dict)


@dataclass(frozen=True)
class Proposal:
    """A pipeline file that runs.

    Attributes:
        text: of the file.
        lists: texts of the lists of images that lie beside it, by name.
        notes: what was found out, in sentences.
    """

    text: str
    lists: dict[str, str]
    notes: tuple[str, ...]


@dataclass(frozen=True)
class _Data:
    """What was found out about the images.

    Attributes:
        settings: of ``workload.data``.
        classes: how many; None where the data set is no folder.
        lists: see `Proposal`.
        notes: see `Proposal`.
        tree: the folder's images.
        unseen: rows of images that given weights have not seen.
    """

    settings: dict[str, object]
    classes: int | None = None
    lists: dict[str, str] = field(default_factory=dict)
    notes: tuple[str, ...] = ()
    tree: ImageTree | None = None
    unseen: Sequence[int] = ()


def propose(wishes: Wishes, folder: Path) -> Proposal:
    """Look at model, weights and images, and write the pipeline file that fits them.

    Args:
        wishes: what the user said.
        folder: where the file will lie; paths in it are relative to that.

    Raises:
        UserError: something the user named cannot be used.
    """
    load_target(wishes.target)
    try:
        BudgetConfig.model_validate({"latency": wishes.budget}, context={"written": True})
    except ValidationError as error:
        msg = f"budget is {wishes.budget!r}; allowed: {ALLOWED['latency']}"
        raise ConfigError(msg) from error
    data = _look_at_data(wishes, folder)
    config, model = _built(wishes, data.classes)
    if data.tree is not None:
        data = _with_pixels(wishes, config, model, data)
    sections = {"model": _model_settings(wishes, config, folder), "data": data.settings}
    return Proposal(_written(wishes, sections), data.lists, data.notes)


def _look_at_data(wishes: Wishes, folder: Path) -> _Data:
    if wishes.data in datasets() or ":" in wishes.data:
        return _Data({"name": wishes.data})
    root = Path(wishes.data).expanduser()
    settings: dict[str, object] = {"name": "imagefolder", "root": _relative(root, folder)}
    if root.suffix == ".csv":
        tree = read_table(root)
        table = {"file": str(root.absolute())}
        settings = {"name": "imagecsv", "root": _relative(tree.root, folder), "args": table}
    else:
        tree = read_tree(open_root(root))
    sizes = ", ".join(f"{len(rows):,} in {part}" for part, rows in tree.parts.items())
    notes = (f"{len(tree.classes)} classes; images: {sizes}",)
    found = _Data(settings, len(tree.classes), {}, notes, tree)
    if wishes.weights is None:
        return found
    if WHOLE in tree.parts:
        msg = (
            f"{root} has class folders alone, and the weights may have seen any image of it: "
            "nothing honest can be scored. Allowed: train/ beside test/ or val/, whose images the "
            "weights never saw"
        )
        raise WorkloadError(msg)
    if "val" in tree.parts and "test" in tree.parts:
        return replace(found, unseen=tree.parts["val"])
    return _halved(found, tree)


def _halved(found: _Data, tree: ImageTree) -> _Data:
    """The images that the weights never saw, half for the reward and half for the test."""
    part = next((name for name in ("test", "val") if name in tree.parts), None)
    if part is None:
        msg = (
            f"{tree.root} has train/ alone, whose images the weights have seen; allowed: test/ or "
            "val/ beside it"
        )
        raise WorkloadError(msg)
    rows = np.asarray(tree.parts[part])
    reward, test = stratified_share(np.asarray(tree.labels)[rows], 0.5, 0)
    if not len(reward):
        msg = f"no class of {tree.root / part} has two images: none can be for the reward"
        raise WorkloadError(msg)
    lists = {
        f"{name}.txt": "\n".join(tree.names[row] for row in rows[half]) + "\n"
        for name, half in (("reward", reward), ("test", test))
    }
    note = f"the images in {part}/ are halved by reward.txt and test.txt: the search scores one"
    settings = found.settings | {"reward_list": "reward.txt", "test_list": "test.txt"}
    notes, unseen = (*found.notes, note), rows[reward].tolist()
    return replace(found, settings=settings, lists=lists, notes=notes, unseen=unseen)


def _built(wishes: Wishes, classes: int | None) -> tuple[ModelConfig, nn.Module]:
    """The model; told the number of classes where it takes it."""
    config = ModelConfig(name=wishes.model, num_classes=classes, args=wishes.args)
    if classes is not None and config.names_code:
        try:
            return config, build_model(config)
        except WorkloadError:
            config = config.model_copy(update={"num_classes": None})
    return config, build_model(config)


def _with_pixels(wishes: Wishes, config: ModelConfig, model: nn.Module, data: _Data) -> _Data:
    """Image size and normalisation: published, found by trying the weights, or measured."""
    assert data.tree is not None
    tree = data.tree
    size, common = wishes.image_size, _common_size(tree)
    if size is None and (common is None or common > SMALL_IMAGE):
        size = LARGE_IMAGE_SIZE
    if wishes.weights == "pretrained":
        recipe = published_recipe(config.model_copy(update={"weights": "pretrained"}))
        if recipe is None:
            msg = f"there are no pretrained weights of {wishes.model!r}; allowed: a file, or none"
            raise WorkloadError(msg)
        size = wishes.image_size or recipe.image_size or size
        normalisation = recipe.normalisation or IMAGENET
        note = f"image size {size} and normalisation are those of the pretrained weights"
    elif wishes.weights is not None:
        state = read_weights(Path(wishes.weights).expanduser())
        load_weights(model, state, wishes.weights)
        size, normalisation, note = _tried(model, tree, data.unseen, size, wishes.image_size)
    else:
        normalisation = measured_normalisation(tree)
        note = "mean and std were measured: the model is trained here"
    settings = dict(data.settings)
    if size is not None:
        settings["image_size"] = size
    settings |= {name: _rounded(getattr(normalisation, name)) for name in ("mean", "std")}
    return replace(data, settings=settings, notes=(*data.notes, note))


def _tried(
    model: nn.Module, tree: ImageTree, rows: Sequence[int], size: int | None, wanted: int | None
) -> tuple[int | None, Normalisation, str]:
    """The size and the normalisation under which the weights get most unseen images right."""
    own = tree.root / tree.names[rows[0]]
    sizes = [wanted or size or max(read_size(own))]
    if wanted is None and size is not None:
        sizes = [one for one in _SIZES if one <= max(read_size(own))] or sizes
    known = _COMMON | {"measured": measured_normalisation(tree)}
    draw = random.Random(0)
    chosen = draw.sample(list(rows), min(_TRIED, len(rows)))

    def scores() -> Iterator[tuple[float, int, str]]:
        # The size first, by the commonest normalisation: fewer trials than all pairs.
        for one in sizes:
            yield _right(model, tree, chosen, one, IMAGENET), one, "ImageNet's"

    best, best_size, name = max(scores(), key=lambda found: found[0])
    for other, normalisation in known.items():
        right = _right(model, tree, chosen, best_size, normalisation)
        if right > best:
            best, name = right, other
    note = (
        f"normalisation: {name}, under which the weights get {best:.1%} of {len(chosen)} unseen "
        "images right, more than under any other that is common"
    )
    return (None if size is None else best_size), known[name], note


def _right(
    model: nn.Module, tree: ImageTree, rows: Sequence[int], size: int, used: Normalisation
) -> float:
    """Share of images that are classified correctly; 0 where the model does not take the size."""
    split: Split = FileSplit(
        "tried",
        [tree.root / tree.names[row] for row in rows],
        [tree.labels[row] for row in rows],
        image_size=size,
        normalisation=used,
        scaling=Scaling() if size > SMALL_IMAGE else Scaling(1.0),
    )
    try:
        return accuracy(model, split)
    except (RuntimeError, ValueError, IndexError):  # a size that its layers do not fit
        return 0.0


def measured_normalisation(tree: ImageTree) -> Normalisation:
    """Mean and standard deviation of each channel, of some training images."""
    rows = next(iter(tree.parts.values()))
    chosen = random.Random(0).sample(list(rows), min(_MEASURED, len(rows)))
    sums = np.zeros((2, 3))
    for row in chosen:
        pixels = decode(tree.root / tree.names[row]).reshape(-1, 3) / 255
        sums += (pixels.mean(0), (pixels**2).mean(0))
    mean, square = sums / len(chosen)
    std = np.sqrt(np.maximum(square - mean**2, 1e-4))
    return Normalisation(tuple(map(float, mean)), tuple(map(float, std)))


def _common_size(tree: ImageTree) -> int | None:
    """Side of the images, where those that were looked at are squares of one size."""
    rows = random.Random(0).sample(range(len(tree.names)), min(_SIZED, len(tree.names)))
    sizes = {read_size(tree.root / tree.names[row]) for row in rows}
    (height, width), *others = sizes
    return height if not others and height == width else None


def _model_settings(wishes: Wishes, config: ModelConfig, folder: Path) -> dict[str, object]:
    found: dict[str, object] = {"name": _model_name(wishes.model, folder)}
    if config.num_classes is not None:
        found["num_classes"] = config.num_classes
    if wishes.args:
        found["args"] = wishes.args
    if wishes.weights is not None:
        given = wishes.weights
        found["weights"] = given if given == "pretrained" else _relative(Path(given), folder)
    return found


def _model_name(name: str, folder: Path) -> str:
    """As the file says it: a folder of a model is relative to the file."""
    given = FolderAfter(HUGGING_FACE).folder(name)
    if given is None:
        return name
    path = _relative(Path(given), folder)
    return f"{HUGGING_FACE}{path if path.startswith('.') else f'./{path}'}"


def _relative(path: Path, folder: Path) -> str:
    return os.path.relpath(path.expanduser().absolute(), folder.absolute())


def _rounded(values: Sequence[float]) -> list[float]:
    return [round(value, 4) for value in values]


def _written(wishes: Wishes, sections: dict[str, dict[str, object]]) -> str:
    """The file, with what a person may want to change as comments."""
    model, data = (_block(sections[name]) for name in ("model", "data"))
    target = wishes.target
    if target.endswith((".yaml", ".yml")):
        target = str(Path(target).expanduser().absolute())
    train = "" if wishes.weights is not None else "  train: {epochs: 12}  # no weights were given\n"
    return f"""\
# yaml-language-server: $schema=edgeprune.schema.json
# edgeprune check FILE   tells in seconds whether it runs, and how long it will take
# edgeprune run FILE     prunes, and writes the smaller model with a report

workload:
  model:
{model}  data:
{data}{train}
target: {target}  # `edgeprune target list` shows others; a board needs a profile of its own

budget:
  latency: {wishes.budget}  # of the base model's; [0.7x, 0.5x] gives a model for each
  # accuracy_drop: 2.0  # points that may be lost; alone: the fastest that loses no more

search:
  trials: 80
  seed: 0

finetune:
  epochs: 8  # the more, the better the result; most of the time goes into this

export:
  formats: [onnx]  # tflite and tvm need the extras edgeprune[tflite], edgeprune[tvm]
  precision: [float32]  # int8 beside it is kept only where it is accurate and faster
"""


def _block(settings: dict[str, object]) -> str:
    text = yaml.dump(settings, Dumper=Dumper, sort_keys=False, allow_unicode=True, width=100)
    return "".join(f"    {line}\n" for line in str(text).splitlines())


def check_absent(paths: Sequence[Path]) -> None:
    """Nothing that is there is overwritten.

    Raises:
        UserError: one of the files is there already.
    """
    for path in paths:
        if path.exists():
            msg = f"{path} is there already; remove it, or give another --output"
            raise UserError(msg)
