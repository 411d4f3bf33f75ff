"""What the history contributed to a finished search, for the report."""

from collections.abc import Sequence

import numpy as np
from scipy.stats import spearmanr

from edgeprune.pipeline.records import HistoryRecord
from edgeprune.pipeline.run_directory import RunDirectory
from edgeprune.report import Past
from edgeprune.search import SearchTrial, SourceRun


def contribution(directory: RunDirectory, trials: Sequence[SearchTrial]) -> Past | None:
    """Sources, reused measurements, and how well rewards were predicted.

    Args:
        directory: of the run.
        trials: of its search.

    Returns:
        None where the run kept no history.
    """
    record = directory.record("history-search", HistoryRecord)
    if record is None:
        return None
    pairs = [
        (trial.outcome.details["predicted_reward"], trial.reward)
        for trial in trials
        if trial.outcome.details.get("predicted_reward") is not None
    ]
    trusted = trials[-1].outcome.details.get("trusted") if trials else None
    expected, found = np.array(pairs).reshape(-1, 2).T
    ranked = len(pairs) > 2 and np.ptp(expected) > 0 and np.ptp(found) > 0
    sources = [SourceRun.from_json(one) for one in record.sources]
    return Past(
        sources=tuple(one.name for one in sources),
        source_trials=sum(one.trials for one in sources),
        trials=len(trials),
        reused=sum(bool(trial.outcome.details.get("reused")) for trial in trials),
        trusted=None if trusted is None else len(trusted),
        predicted=len(pairs),
        error=float(np.abs(expected - found).mean()) if pairs else None,
        rank=float(spearmanr(expected, found).statistic) if ranked else None,
    )
