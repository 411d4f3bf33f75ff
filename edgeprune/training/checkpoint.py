"""Training state on disk between epochs."""

import io
import pickle
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import torch

from edgeprune.errors import RunError
from edgeprune.files import write_atomic
from edgeprune.training.average import Average


@dataclass(frozen=True)
class Recipe:
    """What a training is; a checkpoint continues only the training it was made by.

    Settings that checkpoints have not always had default to what trainings did before them.
    """

    epochs: int
    lr: float
    batch_size: int
    weight_decay: float
    seed: int
    distill: bool
    temperature: float
    images: int
    schedule: str = "cosine"
    warmup: float = 0.0
    distill_weight: float = 0.5
    ema: float | None = None
    clip: float | None = None
    begin: int = 0


@dataclass
class Progress:
    """A training after some of its epochs.

    No random state is kept: every epoch is seeded from the recipe's seed and its own number.

    Attributes:
        mode: name of the mode the steps were computed in.
        losses: mean loss of every finished epoch.
        seconds: spent so far, in all processes.
    """

    mode: str
    losses: list[float]
    seconds: float


def save(
    path: Path,
    recipe: Recipe,
    progress: Progress,
    model: torch.nn.Module,
    optimizer: torch.optim.Optimizer,
    average: Average | None = None,
) -> None:
    """Write a checkpoint, atomically: a kill leaves the previous one.

    Args:
        path: of the file.
        recipe: what the training is.
        progress: how far it is.
        model: with the weights that the next step starts from, not with averaged ones.
        optimizer: of its weights.
        average: of its weights, where the recipe has one.
    """
    content = io.BytesIO()
    torch.save(
        {
            "recipe": asdict(recipe),
            "progress": asdict(progress),
            "model": model.state_dict(),
            "optimizer": optimizer.state_dict(),
            "average": None if average is None else average.state_dict(),
        },
        content,
    )
    write_atomic(path, content.getvalue())


def load(
    path: Path,
    recipe: Recipe,
    model: torch.nn.Module,
    optimizer: torch.optim.Optimizer,
    average: Average | None = None,
) -> Progress:
    """Put a training back to where its checkpoint stands.

    Args:
        path: of the file.
        recipe: what the training is to be.
        model: gets the weights that the next step starts from.
        optimizer: of its weights.
        average: of its weights, where the recipe has one.

    Raises:
        RunError: the file is no checkpoint, or one of another training or model.
    """
    try:
        content: dict[str, Any] = torch.load(path, weights_only=True)
        found, progress = Recipe(**content["recipe"]), Progress(**content["progress"])
    except (OSError, RuntimeError, EOFError, KeyError, TypeError, pickle.UnpicklingError) as error:
        msg = f"{path} is no training checkpoint: {error}; delete it to train anew"
        raise RunError(msg) from error
    differing = [
        f"{name} was {getattr(found, name)!r}, now {value!r}"
        for name, value in asdict(recipe).items()
        if getattr(found, name) != value
    ]
    if differing:
        msg = f"{path} belongs to another training ({'; '.join(differing)}); delete it"
        raise RunError(msg)
    try:
        model.load_state_dict(content["model"])
        optimizer.load_state_dict(content["optimizer"])
        if average is not None:
            average.load_state_dict(content["average"])
    except (RuntimeError, ValueError) as error:
        msg = f"{path} holds another model: {error}; delete it to train anew"
        raise RunError(msg) from error
    return progress


def epochs_done(path: Path) -> int:
    """Epochs that a checkpoint holds; 0 where there is none.

    Raises:
        RunError: the file is no checkpoint.
    """
    if not path.exists():
        return 0
    try:
        content: dict[str, Any] = torch.load(path, weights_only=True, mmap=True)
        return len(content["progress"]["losses"])
    except (OSError, RuntimeError, EOFError, KeyError, TypeError, pickle.UnpicklingError) as error:
        msg = f"{path} is no training checkpoint: {error}; delete it to train anew"
        raise RunError(msg) from error
