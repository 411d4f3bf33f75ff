"""The samplers that `bocr.py` compares, by name: no benchmark itself."""

from dataclasses import replace

import numpy as np
from bocr_settings import Setting
from optuna.samplers import BaseSampler

from edgeprune.search import SearchProblem, make_sampler

_NAMES = {
    "random": "random",
    "amc": "amc",
    "tpe": "optuna:TPESampler",
    "optuna_gp": "optuna:GPSampler",
}
_OPTIONS: dict[str, dict[str, object]] = {
    "gp": {"clusters": 1000},
    "cluster": {"rollback": "none"},
    "direct": {"rollback": "direct"},
    "gradual": {"rollback": "gradual"},
    "direct_free": {"rollback": "direct", "bounds": "problem"},
    "gradual_free": {"rollback": "gradual", "bounds": "problem"},
    "direct_shuffled": {"rollback": "direct"},
    "direct_stage": {"rollback": "direct", "similarity": "ST"},
    "direct_sensitivity": {"rollback": "direct", "similarity": "ST"},
}
#: In the order of interest: what is last is left out when the time is up.
ARMS = (
    *("gp", "direct", "random", "cluster", "direct_shuffled", "direct_sensitivity", "tpe", "amc"),
    *("gradual", "direct_stage", "direct_free", "gradual_free", "optuna_gp"),
)


def make_arm(
    name: str, setting: Setting, problem: SearchProblem, seed: int, trials: int
) -> BaseSampler:
    """A fresh sampler."""
    if name in _NAMES:
        return make_sampler(_NAMES[name], problem, seed, trials, {})
    if name == "direct_shuffled" and problem.scores is not None:
        dealt = np.random.default_rng([seed, 1]).permutation(problem.groups)
        scores = {to: problem.scores[of] for to, of in zip(problem.groups, dealt, strict=True)}
        problem = replace(problem, scores=scores)
    if name == "direct_stage":
        problem = _described(problem, list(problem.full.values()))
    if name == "direct_sensitivity":
        problem = _described(problem, setting.sensitivity())
    return make_sampler("bocr", problem, seed, trials, _OPTIONS[name])


def _described(problem: SearchProblem, values: list[float]) -> SearchProblem:
    """The problem with one feature: what the similarity ST compares."""
    return replace(
        problem, features=np.array(values, dtype=np.float64)[:, None], feature_names=("value",)
    )
