"""Earlier searches for the tests: real ones, of small nets."""

import tempfile
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from edgeprune.search import SearchProblem, SearchResult, SourceRun, make_sampler, run_search
from edgeprune.testing.samplers import SmallNet, accuracy_reward

#: A deeper net whose layers matter about as those of `SmallNet` do at the same depth.
DEEP = SmallNet(
    channels=(16,) * 4 + (32,) * 4 + (64,) * 4,
    sensitivity=(0.5, 0.5, 0.08, 0.08, 0.05, 0.05, 0.5, 0.5, 0.2, 0.2, 0.05, 0.05),
)


def search(
    net: SmallNet,
    name: str,
    trials: int,
    sources: tuple[SourceRun, ...] = (),
    seed: int = 0,
    **options: Any,
) -> tuple[SearchProblem, SearchResult, Any]:
    """A whole search of a small net, and its sampler."""
    problem = replace(net.problem(), sources=sources)
    sampler = make_sampler(name, problem, seed, trials, options)
    with tempfile.TemporaryDirectory() as folder:
        result = run_search(
            problem,
            sampler,
            net.evaluate,
            accuracy_reward,
            trials=trials,
            directory=Path(folder),
        )
    return problem, result, sampler


def source(net: SmallNet, trials: int = 40, seed: int = 7, sampler: str = "random") -> SourceRun:
    """What a search of a net leaves behind."""
    problem, result, _ = search(net, sampler, trials, seed=seed)
    full = problem.full
    ratios = [[one.widths[g] / full[g] for g in problem.groups] for one in result.trials]
    return SourceRun(
        name="earlier",
        feature_names=problem.feature_names,
        features=problem.features,
        ratios=np.array(ratios),
        rewards=np.array([one.reward for one in result.trials]),
        costs=np.array([one.outcome.latency_ratio for one in result.trials]),
        budget=problem.target,
        actions=np.array(ratios),
    )
