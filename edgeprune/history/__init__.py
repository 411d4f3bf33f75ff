"""What was ever measured on a target; it outlives runs and models, and serves new ones."""

from edgeprune.history.errors import HistoryError, HistoryUnavailableError
from edgeprune.history.keys import target_facts, target_key
from edgeprune.history.records import KernelLatency, Staircase
from edgeprune.history.run_records import (
    RunRecord,
    RunSpace,
    RunSummary,
    TrialGlance,
    TrialRecord,
)
from edgeprune.history.runs import RunLine
from edgeprune.history.store import History

__all__ = [
    "History",
    "HistoryError",
    "HistoryUnavailableError",
    "KernelLatency",
    "RunLine",
    "RunRecord",
    "RunSpace",
    "RunSummary",
    "Staircase",
    "TrialGlance",
    "TrialRecord",
    "target_facts",
    "target_key",
]
