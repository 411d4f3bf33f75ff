"""The sampler as a whole: its contract, its stages, batches and earlier points."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import optuna
import pytest

from edgeprune.errors import SearchError
from edgeprune.search import Outcome, SearchProblem, Widths, make_sampler, run_search
from edgeprune.search.distributions import distributions
from edgeprune.search.samplers.bocr.options import BocrOptions
from edgeprune.search.samplers.bocr.sampler import BocrSampler
from edgeprune.testing.samplers import MakeSampler, SamplerConformance, SmallNet, accuracy_reward

NET = SmallNet()
PROBLEM = NET.problem()
FAST: dict[str, Any] = {
    "anchor_samples": 64,
    "anchors": 1,
    "anchor_iterations": 4,
    "restarts": 2,
    "fit_iterations": 20,
}


def _sampler(trials: int, **options: Any) -> BocrSampler:
    return BocrSampler(PROBLEM, 0, trials, BocrOptions(**FAST, **options))


def _go(study: optuna.Study, trials: int) -> None:
    for _ in range(trials):
        trial = study.ask(distributions(PROBLEM))
        study.tell(trial, NET.accuracy(trial.params))


def _study(sampler: BocrSampler, trials: int = 0) -> optuna.Study:
    study = optuna.create_study(direction="maximize", sampler=sampler)
    _go(study, trials)
    return study


class _Conformance(SamplerConformance):
    rollback = ""

    @pytest.fixture
    def make(self) -> MakeSampler:
        options = {**FAST, "rollback": self.rollback, "bridge_clusters": 4, "initial": 5}
        return lambda problem, seed, trials: make_sampler("bocr", problem, seed, trials, options)


class TestDirect(_Conformance):
    rollback = "direct"


@pytest.mark.slow
class TestGradual(_Conformance):
    rollback = "gradual"


def test_groups_of_a_cluster_share_one_keep_ratio_before_the_rollback() -> None:
    sampler = _sampler(200)
    study = _study(sampler, 12)
    labels = sampler.stages[0].labels
    for trial in study.trials:
        ratios = np.array([trial.params[group] / PROBLEM.full[group] for group in PROBLEM.groups])
        for cluster in range(3):
            # Equal up to half a channel of the narrowest layer, on either side.
            assert np.ptp(ratios[labels == cluster]) <= 1 / 16


def test_direct_rollback_unties_everything_once() -> None:
    sampler = _sampler(20, fires=9, armed=9)
    _study(sampler, 14)
    assert [stage.clusters for stage in sampler.stages] == [3, 6]
    assert sampler.stages[1].since == 9


def test_gradual_rollback_unties_in_two_steps() -> None:
    sampler = _sampler(
        20,
        rollback="gradual",
        bridge_clusters=4,
        armed=7,
        fires=7,
        second_armed=10,
        second_fires=10,
    )
    _study(sampler, 13)
    assert [(stage.clusters, stage.since) for stage in sampler.stages] == [(3, 0), (4, 7), (6, 10)]


def test_none_never_unties() -> None:
    sampler = _sampler(20, rollback="none", armed=5, fires=5)
    _study(sampler, 10)
    assert [stage.clusters for stage in sampler.stages] == [3]


def test_the_state_of_a_rolled_back_sampler_goes_on_alike() -> None:
    study = _study(_sampler(20, armed=6, fires=6), 10)
    saved = study.sampler.state_dict()  # type: ignore[attr-defined]
    fresh = _sampler(20, armed=6, fires=6)
    fresh.load_state_dict(saved)
    again = optuna.create_study(direction="maximize", sampler=fresh)
    again.add_trials(study.trials)
    assert again.ask(distributions(PROBLEM)).params == study.ask(distributions(PROBLEM)).params


@pytest.mark.parametrize("told", [0, 3, 12])
def test_several_proposals_can_be_asked_for_before_the_first_is_told(told: int) -> None:
    study = _study(_sampler(20, initial=6), told)
    asked = [study.ask(distributions(PROBLEM)) for _ in range(5)]
    keys = {PROBLEM.key(trial.params) for trial in asked}
    assert len(keys) == 5
    for trial in reversed(asked):
        study.tell(trial, NET.accuracy(trial.params))
    _go(study, 1)
    assert PROBLEM.key(study.trials[-1].params) not in keys


def test_failed_trials_are_no_observations() -> None:
    study = _study(_sampler(20, initial=2), 3)
    for _ in range(3):
        study.tell(study.ask(distributions(PROBLEM)), state=optuna.trial.TrialState.FAIL)
    _go(study, 2)
    assert study.best_value > 0.1


def test_equal_rewards_are_no_reason_to_stop() -> None:
    study = _study(_sampler(20, initial=2))
    for _ in range(6):
        study.tell(study.ask(distributions(PROBLEM)), 0.5)
    assert len({PROBLEM.key(trial.params) for trial in study.trials}) == 6


def test_groups_with_one_width_are_no_trouble() -> None:
    choices = {**PROBLEM.choices, "layer0": (16,)}
    problem = SearchProblem(
        PROBLEM.groups, choices, PROBLEM.features, PROBLEM.feature_names, NET.macs,
        NET.latency_ratio, 0.6,
    )  # fmt: skip
    sampler = BocrSampler(problem, 0, 10, BocrOptions(**FAST, initial=2, armed=4, fires=4))
    study = optuna.create_study(direction="maximize", sampler=sampler)
    for _ in range(6):
        trial = study.ask(distributions(problem))
        assert problem.fits(problem.check(trial.params))
        study.tell(trial, NET.accuracy(trial.params))


def test_one_group_can_be_searched() -> None:
    net = SmallNet(channels=(32,), sensitivity=(1.0,))
    sampler = BocrSampler(net.problem(), 0, 10, BocrOptions(**FAST, initial=2))
    study = optuna.create_study(direction="maximize", sampler=sampler)
    for _ in range(4):
        trial = study.ask(distributions(net.problem()))
        study.tell(trial, net.accuracy(trial.params))
    # The reward grows with the width: nothing is better than the widest that fits.
    assert study.best_params == {"layer0": max(w for w in range(1, 33) if _fits(net, w))}


def _fits(net: SmallNet, width: int) -> bool:
    return net.problem().fits({"layer0": width})


def test_a_search_with_noisy_rewards_goes_on_alike_after_it_was_killed(tmp_path: Path) -> None:
    evaluated: list[Widths] = []

    def evaluate(widths: Widths) -> Outcome:
        if len(evaluated) == 9:
            raise KeyboardInterrupt
        evaluated.append(widths)
        outcome = NET.evaluate(widths)
        ratio, share = outcome.latency_ratio, 0.02 * (1 + widths["layer0"] % 3)
        details = {"ratio_interval": [ratio * (1 - share), ratio * (1 + share)]}
        return replace(outcome, details=details)

    def search(folder: str) -> list[Widths]:
        result = run_search(
            PROBLEM, _sampler(12, initial=5), evaluate, lambda outcome: -outcome.latency_ratio**-2,
            trials=12, directory=tmp_path / folder,
        )  # fmt: skip
        return [trial.widths for trial in result.trials]

    with pytest.raises(KeyboardInterrupt):
        search("killed")
    first = list(evaluated)
    evaluated[:] = [{}] * 10
    whole = search("whole")
    assert search("killed") == whole
    assert whole[:9] == first


def test_similar_groups_tied_together_are_found_faster_than_by_random_search(
    tmp_path: Path,
) -> None:
    kinds = np.random.default_rng(7).permutation(np.repeat([0, 1, 2], 5))
    net = SmallNet((32,) * 15, tuple((0.02, 0.2, 0.8)[kind] for kind in kinds))
    draw = np.random.default_rng(1)
    scores = {
        name: draw.normal(20, (0.5, 1.5, 4)[kind], 32)
        for name, kind in zip(net.names, kinds, strict=True)
    }
    problem = net.problem()
    ours = BocrSampler(replace(problem, scores=scores), 0, 20, BocrOptions(**FAST))
    assert len(set(zip(ours.stages[0].labels, kinds, strict=True))) == 3
    samplers = {"bocr": ours, "random": make_sampler("random", problem, 0, 20, {})}
    best = {
        name: run_search(
            problem, sampler, net.evaluate, accuracy_reward, trials=20, directory=tmp_path / name
        ).best.reward
        for name, sampler in samplers.items()
    }
    assert best["bocr"] > best["random"] + 0.05


def test_unknown_options_and_values_are_named() -> None:
    with pytest.raises(SearchError, match=r"'cluster' is unknown to sampler 'bocr'.*clusters"):
        make_sampler("bocr", PROBLEM, 0, 10, {"cluster": 3})
    with pytest.raises(
        SearchError, match=r"'clusters' of sampler 'bocr' is 0; allowed: a whole number at least 1"
    ):
        make_sampler("bocr", PROBLEM, 0, 10, {"clusters": 0})
    with pytest.raises(SearchError, match="'similarity' of sampler 'bocr' is 'XY'"):
        make_sampler("bocr", PROBLEM, 0, 10, {"similarity": "XY"})
    with pytest.raises(SearchError, match="needs importance scores"):
        make_sampler("bocr", PROBLEM, 0, 10, {"similarity": "EU"})
