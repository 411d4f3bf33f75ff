"""QLP on single weights: thresholds around global magnitude, cluster by cluster."""

from pathlib import Path

import pytest
import torch

from edgeprune.errors import SearchError
from edgeprune.pipeline.problems import density_problem
from edgeprune.pruning import WeightSpace
from edgeprune.search import Outcome, SearchResult, Widths, make_sampler, run_search
from edgeprune.search.samplers import QlpSampler
from edgeprune.search.samplers.stepwise.thresholds import ThresholdSampler, clusters_of
from edgeprune.testing.samplers import SmallNet, accuracy_reward
from tests.models import tiny_cnn

torch.manual_seed(0)
SPACE = WeightSpace(tiny_cnn())
RUNGS = [0.5, 0.2]


def _outcome(widths: Widths) -> Outcome:
    """The first layer matters, others do not: global magnitude is not the best."""
    first = SPACE.layers[0]
    accuracy = 0.2 + 0.7 * widths[first] / 1000
    return Outcome(accuracy, 1.0, 1.0, 1, 1, 1, {"seconds": {}})


def _sampler(trials: int, **options: object) -> ThresholdSampler:
    problem = density_problem(SPACE, RUNGS[-1])
    given = {"regimes": RUNGS, "clusters": 3, "learning_starts": 4, **options}
    sampler = make_sampler("qlp", problem, 0, trials, given)
    assert isinstance(sampler, ThresholdSampler)
    return sampler


def _search(sampler: QlpSampler, folder: Path, trials: int) -> SearchResult:
    return run_search(
        sampler.problem, sampler, _outcome, accuracy_reward, trials=trials, directory=folder
    )


def test_a_layers_factor_moves_its_threshold_and_the_density_stays() -> None:
    same = SPACE.by_magnitude(0.2, dict.fromkeys(SPACE.layers, 1.0))
    assert same == SPACE.by_magnitude(0.2)
    first, *others = SPACE.layers
    moved = SPACE.by_magnitude(0.2, {first: 0.5} | dict.fromkeys(others, 1.0))
    assert moved[first] > same[first]
    assert all(moved[name] <= same[name] for name in others)
    assert 0.19 < SPACE.density(moved) <= 0.2


def test_layers_of_like_density_share_a_cluster() -> None:
    problem = density_problem(SPACE, 0.2)
    clusters = clusters_of(problem, 2)
    assert sorted(name for one in clusters for name in one) == sorted(SPACE.layers)
    found = SPACE.by_magnitude(0.2)
    lower, upper = ([found[name] for name in one] for one in clusters)
    assert max(lower) <= min(upper)
    assert len(clusters_of(problem, 50)) == len(SPACE.layers)


def test_every_plan_has_its_regimes_density_and_half_of_the_trials_are_the_last_ones(
    tmp_path: Path,
) -> None:
    trials = _search(_sampler(40), tmp_path, 40).trials
    assert trials[0].widths == SPACE.by_magnitude(0.5)
    kept = [SPACE.density(one.widths) for one in trials]
    assert all(0.45 < one <= 0.5 for one in kept[:20])
    assert all(0.18 < one <= 0.2 for one in kept[20:])


def test_it_gets_ahead_of_global_magnitude(tmp_path: Path) -> None:
    trials = _search(_sampler(60), tmp_path, 60).trials
    last = [one for one in trials if SPACE.density(one.widths) <= RUNGS[-1]]
    start = _outcome(SPACE.by_magnitude(RUNGS[-1])).accuracy
    assert max(one.reward for one in last) > start + 0.05


def test_a_stopped_search_goes_on_alike(tmp_path: Path) -> None:
    whole = _search(_sampler(24), tmp_path / "whole", 24).trials
    _search(_sampler(24), tmp_path / "parts", 13)
    parts = _search(_sampler(24), tmp_path / "parts", 24).trials
    assert [one.widths for one in parts] == [one.widths for one in whole]


def test_without_clusters_densities_are_cut_layer_by_layer() -> None:
    problem = density_problem(SPACE, 0.2)
    sampler = make_sampler("qlp", problem, 0, 20, {"clusters": 0})
    assert type(sampler) is QlpSampler


def test_channels_have_no_thresholds() -> None:
    with pytest.raises(SearchError, match="needs a space whose groups have thresholds"):
        ThresholdSampler(SmallNet().problem(), 0, 10)
