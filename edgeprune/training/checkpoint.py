"""A training that can be taken up after the last finished epoch; no pickled code."""

import io
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch

from edgeprune.errors import RunError
from edgeprune.files import write_atomic


@dataclass
class Progress:
    """What was done so far.

    Attributes:
        mode: number format; a resumed training keeps it.
        losses: mean loss of every finished epoch.
    """

    mode: str
    losses: list[float]


def save(path: Path, progress: Progress, states: dict[str, Any]) -> None:
    """Write the state after an epoch, atomically.

    Args:
        path: the checkpoint file.
        progress: what was done so far.
        states: state dicts by name; tensors, numbers and strings only.
    """
    buffer = io.BytesIO()
    torch.save({"mode": progress.mode, "losses": progress.losses, **states}, buffer)
    write_atomic(path, buffer.getvalue())


def load(path: Path) -> tuple[Progress, dict[str, Any]]:
    """Read back what `save` wrote.

    Raises:
        RunError: the file is damaged or no checkpoint of a training.
    """
    try:
        states = torch.load(path, weights_only=True)
        return Progress(states.pop("mode"), states.pop("losses")), states
    except Exception as error:  # torch raises many kinds for a damaged file
        msg = f"{path} is no checkpoint of a training: {error}; delete it to begin again"
        raise RunError(msg) from error
