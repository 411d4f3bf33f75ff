"""What was ever measured on a target; it outlives runs and models, and serves new ones."""

from edgeprune.history.errors import HistoryError
from edgeprune.history.keys import target_facts, target_key
from edgeprune.history.records import KernelLatency, Staircase
from edgeprune.history.store import History

__all__ = [
    "History",
    "HistoryError",
    "KernelLatency",
    "Staircase",
    "target_facts",
    "target_key",
]
