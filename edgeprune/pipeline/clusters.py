"""What a sampler tied together during a search, kept beside its journal for the report."""

import json
from pathlib import Path
from typing import Any

from optuna.samplers import BaseSampler

from edgeprune.files import write_json
from edgeprune.search import SearchProblem

_FILE = "clusters.json"


def keep_clusters(folder: Path, sampler: BaseSampler, problem: SearchProblem) -> None:
    """Write the sampler's stages where there are more of them than are written.

    Args:
        folder: of the search.
        sampler: one with `BocrSampler.stages`; others tie nothing.
        problem: what is searched.
    """
    stages = getattr(sampler, "stages", [])
    if len(stages) > len(read_clusters(folder)):
        record = [
            {
                "since": stage.since,
                "groups": dict(zip(problem.groups, map(int, stage.labels), strict=True)),
            }
            for stage in stages
        ]
        write_json(folder / _FILE, record)


def read_clusters(folder: Path) -> list[dict[str, Any]]:
    """The stages of a search, none where nothing was tied.

    Args:
        folder: of the search.

    Returns:
        Of each stage ``since``, the number of evaluations before it, and the cluster of every
        group in ``groups``.
    """
    try:
        return list(json.loads((folder / _FILE).read_text(encoding="utf-8")))
    except (FileNotFoundError, ValueError, TypeError, RecursionError):  # torn: written anew
        return []
