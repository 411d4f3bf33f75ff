"""Reading a plan back, whatever it cuts."""

import json
from pathlib import Path

from edgeprune.pruning.plan import Plan
from edgeprune.pruning.spaces.protocol import CandidatePlan
from edgeprune.pruning.spaces.weights import WeightPlan


def load_plan(path: str | Path) -> CandidatePlan:
    """Read a plan of channels or of single weights.

    Raises:
        SpaceError: there is no such file or it is no plan.
    """
    try:
        record = json.loads(Path(path).read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError):
        return Plan.load(path)  # which says what is wrong
    weights = isinstance(record, dict) and record.get("granularity") == "weights"
    return WeightPlan.load(path) if weights else Plan.load(path)
