from dataclasses import replace

import numpy as np
import pytest

from edgeprune.search import SourceRun
from edgeprune.search.samplers.history.assistant import Assistant, coherent_models
from edgeprune.search.samplers.history.gaussian import GaussianProcess
from edgeprune.search.sources import usable
from edgeprune.search.translation import (
    best_points,
    blend,
    comparable,
    kinds,
    overlap,
    translated,
)
from edgeprune.testing.samplers import SmallNet
from tests.search.sources import DEEP, source

CONV, WIDE, LINEAR = (0.0, False), (0.0, True), (2.0, False)


def test_few_groups_are_repeated_and_many_are_averaged() -> None:
    np.testing.assert_allclose(
        np.array([0.2, 0.8]) @ overlap([CONV] * 2, [CONV] * 4), [0.2, 0.2, 0.8, 0.8]
    )
    np.testing.assert_allclose(
        np.array([0.2, 0.4, 0.6, 1.0]) @ overlap([CONV] * 4, [CONV] * 2), [0.3, 0.8]
    )
    np.testing.assert_allclose(
        np.array([0.3, 0.6, 0.9]) @ overlap([CONV] * 3, [CONV] * 2), [0.4, 0.8]
    )


def test_groups_take_from_their_own_kind_where_there_is_one() -> None:
    ratios = np.array([0.1, 0.9, 0.3])
    found = ratios @ overlap([CONV, WIDE, CONV], [WIDE, CONV, CONV, LINEAR])
    np.testing.assert_allclose(found, [0.9, 0.1, 0.3, np.mean(ratios)])


def test_equal_networks_translate_to_themselves() -> None:
    one = source(DEEP, trials=3)
    np.testing.assert_allclose(translated(one, DEEP.problem(), one.ratios), one.ratios)


def test_kinds_come_from_features_by_name() -> None:
    features = np.array([[2.0, 2.0], [5.0, 0.0]])
    assert kinds(("layers", "kind"), features) == [(2.0, False), (0.0, True)]
    assert kinds(("other", "more"), features) == [CONV, CONV]


def test_a_network_of_other_kinds_of_groups_tells_nothing() -> None:
    problem, one = SmallNet().problem(), source(DEEP, trials=3)
    names = (*one.feature_names, "kind")

    def of_kinds(*kind: float) -> SourceRun:
        column = np.resize(kind, len(one.features))
        return replace(one, feature_names=names, features=np.column_stack([one.features, column]))

    assert len(comparable(problem, [one, of_kinds(0.0), of_kinds(0.0, 2.0)])) == 3
    assert comparable(problem, [of_kinds(2.0)]) == ()
    assert best_points(problem, [of_kinds(2.0)], 3) == []


def test_blended_neighbours_are_near_and_kinds_stay_apart() -> None:
    mixed = blend([CONV] * 10 + [LINEAR])
    covariance = mixed @ mixed
    assert covariance[4, 5] > covariance[4, 8] > -1e-9
    assert abs(covariance[4, 10]) < 1e-9
    assert np.trace(covariance) == pytest.approx(11)


def test_best_points_fit_differ_and_begin_with_the_consensus() -> None:
    problem, one = SmallNet().problem(), source(DEEP)
    points = best_points(problem, [one, one], 4)
    assert 1 < len(points) <= 4
    assert len({problem.key(point) for point in points}) == len(points)
    for point in points:
        assert problem.check(point) == point and problem.fits(point)
    top = one.ratios[np.argsort(-one.rewards)[:4]].mean(axis=0)
    shape = np.array([points[0][g] / problem.full[g] for g in problem.groups])
    expected = top @ overlap([CONV] * 12, [CONV] * 6)
    assert np.corrcoef(shape, expected)[0, 1] > 0.95


def test_broken_trials_are_left_out_and_the_rest_is_kept() -> None:
    one = source(DEEP, trials=5)
    one.rewards[1] = np.nan
    one.costs[2] = np.inf
    one.ratios[3, 0] = -1
    (kept,) = usable([one])
    np.testing.assert_array_equal(kept.rewards, one.rewards[[0, 4]])
    assert SourceRun.from_json(kept.to_json()).to_json() == kept.to_json()


def test_a_process_predicts_what_it_was_not_shown() -> None:
    draw = np.random.default_rng(0)
    points = draw.uniform(size=(60, 3))
    values = points @ [1.0, 2.0, 0.0] + 0.05 * draw.standard_normal(60)
    process = GaussianProcess.fit(points[:40], values[:40])
    found = process.mean + process.deviation * process.predict(points[40:])
    assert np.abs(found - values[40:]).mean() < 0.1
    assert np.corrcoef(process.left_out, values[:40])[0, 1] > 0.9


def test_the_assistant_ranks_unseen_candidates_from_history_alone() -> None:
    net = SmallNet()
    problem, deep = net.problem(), source(DEEP, trials=60)
    ((_, model),) = coherent_models(problem, [deep])
    assistant = Assistant(problem, [model])
    draw = np.random.default_rng(2)
    ratios = draw.uniform(0.2, 1, size=(100, 6))
    true = [
        net.accuracy(
            {g: max(1, round(r * problem.full[g])) for g, r in zip(net.names, row, strict=True)}
        )
        for row in ratios
    ]
    before = assistant.predict(ratios)[0]
    assert np.corrcoef(before, true)[0, 1] > 0.5
    assistant.learn(ratios[:50], np.array(true[:50]))
    mean, deviation = assistant.predict(ratios[50:])
    assert np.abs(mean - true[50:]).mean() < 0.05
    assert (deviation > 0).all() and assistant.trials == 50


def _learned(said: str, trials: int) -> Assistant:
    """After trials whose rewards agree with what a source says, or do not."""
    problem, deep = SmallNet().problem(), source(DEEP, trials=60)
    ((_, model),) = coherent_models(problem, [deep])
    draw = np.random.default_rng(3)
    ratios = draw.uniform(0.2, 1, size=(40, 6))
    known = model.predict(ratios)
    lawful = np.sin(6 * ratios[:, 2]) + ratios[:, 4]
    unrelated = lawful - np.polyval(np.polyfit(known, lawful, 1), known)
    rewards = {"alike": known, "less": 0.3 * known, "unrelated": unrelated, "opposite": -known}
    noise = 0.1 * draw.standard_normal(40)
    assistant = Assistant(problem, [model])
    assistant.learn(ratios[:trials], model.spread * (rewards[said] + noise)[:trials])
    return assistant


def test_trials_against_the_sources_refute_them() -> None:
    assert _learned("opposite", 40).refuted and _learned("opposite", 8).refuted
    assert not _learned("opposite", 7).refuted


@pytest.mark.parametrize("said", ["alike", "less"])
def test_sources_that_rank_well_are_kept(said: str) -> None:
    assert not any(_learned(said, trials).refuted for trials in (8, 15, 40))


def test_a_source_that_says_nothing_about_the_trials_loses_its_weight() -> None:
    assert _learned("unrelated", 0).weight == (1.0, 1.0)
    assert abs(_learned("unrelated", 40).weight[0]) < 0.3


def test_the_weight_of_sources_is_learned() -> None:
    problem, deep = SmallNet().problem(), source(DEEP, trials=60)
    ((_, model),) = coherent_models(problem, [deep])
    ratios = np.random.default_rng(4).uniform(0.2, 1, size=(30, 6))
    assistant = Assistant(problem, [model, model])
    assistant.learn(ratios, 0.4 * model.spread * model.predict(ratios) + 0.7)
    mean, deviation = assistant.weight
    assert mean == pytest.approx(0.4, abs=0.05) and 0 < deviation < 0.2


def test_a_source_with_shuffled_rewards_is_not_coherent() -> None:
    deep = source(DEEP, trials=60)
    for seed in range(5):
        deep.rewards[:] = np.random.default_rng(seed).permutation(deep.rewards)
        assert coherent_models(SmallNet().problem(), [deep]) == []
