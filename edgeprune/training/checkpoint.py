"""Training state on disk between epochs."""

import io
import pickle
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import torch

from edgeprune.errors import RunError
from edgeprune.files import write_atomic


@dataclass(frozen=True)
class Recipe:
    """What a training is; a checkpoint continues only the training it was made by."""

    epochs: int
    lr: float
    batch_size: int
    weight_decay: float
    seed: int
    distill: bool
    temperature: float
    images: int


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
) -> None:
    """Write a checkpoint, atomically: a kill leaves the previous one."""
    content = io.BytesIO()
    torch.save(
        {
            "recipe": asdict(recipe),
            "progress": asdict(progress),
            "model": model.state_dict(),
            "optimizer": optimizer.state_dict(),
        },
        content,
    )
    write_atomic(path, content.getvalue())


def load(
    path: Path, recipe: Recipe, model: torch.nn.Module, optimizer: torch.optim.Optimizer
) -> Progress:
    """Put a training back to where its checkpoint stands.

    Raises:
        RunError: the file is no checkpoint, or one of another training or model.
    """
    try:
        content: dict[str, Any] = torch.load(path, weights_only=True)
        found, progress = content["recipe"], Progress(**content["progress"])
    except (OSError, RuntimeError, EOFError, KeyError, TypeError, pickle.UnpicklingError) as error:
        msg = f"{path} is no training checkpoint: {error}; delete it to train anew"
        raise RunError(msg) from error
    differing = [
        f"{name} was {found.get(name)!r}, now {value!r}"
        for name, value in asdict(recipe).items()
        if found.get(name) != value
    ]
    if differing:
        msg = f"{path} belongs to another training ({'; '.join(differing)}); delete it"
        raise RunError(msg)
    try:
        model.load_state_dict(content["model"])
        optimizer.load_state_dict(content["optimizer"])
    except (RuntimeError, ValueError) as error:
        msg = f"{path} holds another model: {error}; delete it to train anew"
        raise RunError(msg) from error
    return progress
