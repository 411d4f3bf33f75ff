"""A sampler's state on disk, so that a resumed search need not replay all its trials."""

import io
import logging
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch
from optuna.samplers import BaseSampler

from edgeprune.errors import RunError
from edgeprune.files import write_atomic
from edgeprune.search.problem import Widths

_FILE = "sampler.pt"

_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Taken:
    """Where a loaded state stands.

    Attributes:
        trials: that the sampler has learnt from; 0 where nothing was loaded.
        open: proposals that were under evaluation then, by their number.
    """

    trials: int = 0
    open: dict[int, Widths] = field(default_factory=dict)


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

    def load(self, finished: int) -> Taken:
        """Load the state where it is of use.

        Args:
            finished: trials in the journal.
        """
        if self._sampler is None or not self._path.exists():
            return Taken()
        try:
            saved = torch.load(self._path, weights_only=True)
            trials, state = int(saved["trials"]), saved["state"]
            open_ = {int(number): dict(widths) for number, widths in saved.get("open", {}).items()}
        except Exception:  # A damaged file fails in any way; replaying gives the same state.
            return Taken()
        if not (isinstance(state, Mapping) and 0 < trials <= finished):
            return Taken()
        return Taken(trials, open_) if self._loaded(state) else Taken()

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

    def save(self, trials: int, open_: Mapping[int, Widths]) -> None:
        """Write the state, atomically.

        Args:
            trials: that the sampler has learnt from.
            open_: proposals under evaluation, by their number.
        """
        if self._sampler is None:
            return
        saved = {"trials": trials, "state": self._sampler.state_dict()}
        if open_:
            saved["open"] = {number: dict(widths) for number, widths in open_.items()}
        buffer = io.BytesIO()
        torch.save(saved, buffer)
        write_atomic(self._path, buffer.getvalue())
