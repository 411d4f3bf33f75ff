"""What was ever measured on a target; it outlives runs and models, and serves new ones."""

from edgeprune.history.errors import HistoryError
from edgeprune.history.keys import target_facts, target_key
from edgeprune.history.records import KernelLatency, Staircase
from edgeprune.history.run_records import RunRecord, RunSpace, TrialRecord
from edgeprune.history.runs import RunLine
from edgeprune.history.store import History

__all__ = [
    "History",
    "HistoryError",
    "KernelLatency",
    "RunLine",
    "RunRecord",
    "RunSpace",
    "Staircase",
    "TrialRecord",
    "target_facts",
    "target_key",
]
