"""A sampler's state on disk, so that a resumed search need not replay all its trials."""

import io
import logging
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from optuna.samplers import BaseSampler

from edgeprune.errors import RunError
from edgeprune.files import write_atomic

_FILE = "sampler.pt"

_log = logging.getLogger(__name__)


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
            trials, state = int(saved["trials"]), saved["state"]
        except Exception:  # A damaged file fails in any way; replaying gives the same state.
            return 0
        if not (isinstance(state, Mapping) and 0 < trials <= finished):
            return 0
        return trials if self._loaded(state) else 0

    def _loaded(self, state: Mapping[str, Any]) -> bool:
        """Whether the sampler took the state; where not, it is as fresh as it was.

        Raises:
            RunError: it is neither.
        """
        fresh = io.BytesIO()  # a copy: tensors of a state share memory with the sampler
        torch.save(self._sampler.state_dict(), fresh)
        fresh.seek(0)
        try:
            self._sampler.load_state_dict(state)
        except Exception as error:  # Another version's sampler has other keys, shapes or types.
            _log.warning(
                "%s is not of this version's sampler (%s: %s): its trials are replayed instead",
                *(self._path, type(error).__name__, error),
            )
            try:
                self._sampler.load_state_dict(torch.load(fresh, weights_only=True))
            except Exception as other:
                msg = (
                    f"{self._path} is of another version ({error}); delete it: trials are replayed"
                )
                raise RunError(msg) from other
            return False
        return True

    def save(self, trials: int) -> None:
        """Write the state after `trials` trials, atomically."""
        if self._sampler is None:
            return
        buffer = io.BytesIO()
        torch.save({"trials": trials, "state": self._sampler.state_dict()}, buffer)
        write_atomic(self._path, buffer.getvalue())
