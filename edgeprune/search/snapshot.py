"""A sampler's state on disk, so that a resumed search need not replay all its trials."""

import io
from pathlib import Path
from typing import Any

import torch
from optuna.samplers import BaseSampler

from edgeprune.files import write_atomic

_FILE = "sampler.pt"


class Snapshot:
    """Saves and loads a sampler that has ``state_dict`` and ``load_state_dict``.

    Others are left as they are and have to be replayed.

    Args:
        directory: of the search.
        sampler: a fresh one.
    """

    def __init__(self, directory: Path, sampler: BaseSampler) -> None:
        self._path = directory / _FILE
        self._sampler: Any = sampler if hasattr(sampler, "state_dict") else None

    def load(self, finished: int) -> int:
        """Load the state where it is of use.

        Args:
            finished: trials in the journal.

        Returns:
            How many trials the sampler has learnt from now; 0 where nothing was loaded.
        """
        if self._sampler is None or not self._path.exists():
            return 0
        try:
            saved = torch.load(self._path, weights_only=True)
        except Exception:  # A damaged file fails in any way; replaying gives the same state.
            return 0
        if saved["trials"] > finished:
            return 0
        self._sampler.load_state_dict(saved["state"])
        return int(saved["trials"])

    def save(self, trials: int) -> None:
        """Write the state after `trials` trials, atomically."""
        if self._sampler is None:
            return
        buffer = io.BytesIO()
        torch.save({"trials": trials, "state": self._sampler.state_dict()}, buffer)
        write_atomic(self._path, buffer.getvalue())
