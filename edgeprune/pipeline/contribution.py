"""What the history contributed to a finished search, for the report."""

from collections.abc import Sequence
from typing import Any

import numpy as np
from scipy.stats import spearmanr

from edgeprune.pipeline.run_directory import RunDirectory
from edgeprune.search import SearchTrial


def contribution(directory: RunDirectory, trials: Sequence[SearchTrial]) -> dict[str, Any] | None:
    """Sources, reused measurements, and how well rewards were predicted.

    Args:
        directory: of the run.
        trials: of its search.

    Returns:
        As `edgeprune.report.Past` has it; None where the run kept no history.
    """
    record = directory.record("history-search")
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
    return {
        "sources": [source["name"] for source in record["sources"]],
        "source_trials": sum(len(source["rewards"]) for source in record["sources"]),
        "trials": len(trials),
        "reused": sum(bool(trial.outcome.details.get("reused")) for trial in trials),
        "trusted": None if trusted is None else len(trusted),
        "predicted": len(pairs),
        "error": float(np.abs(expected - found).mean()) if pairs else None,
        "rank": float(spearmanr(expected, found).statistic) if ranked else None,
    }
