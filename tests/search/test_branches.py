"""Width 0: what a problem accepts, and how zeros stay together."""

from dataclasses import replace

import optuna
import pytest

from edgeprune.errors import SearchError
from edgeprune.search import make_sampler
from edgeprune.search.distributions import distributions, to_widths
from edgeprune.search.neighbours import unseen
from edgeprune.testing.samplers import SmallNet

NET = SmallNet(blocks=((1, 2), (4, 5)), curves=True)
PROBLEM = NET.problem()
CURVES = PROBLEM.curves or {}


def test_smallest_has_no_branch_and_narrowest_has_all() -> None:
    assert [g for g, width in PROBLEM.smallest.items() if width == 0] == [
        "layer1", "layer2", "layer4", "layer5",
    ]  # fmt: skip
    assert set(PROBLEM.narrowest.values()) == {1}


def test_the_first_group_decides_for_its_branch() -> None:
    gone = PROBLEM.tied({**PROBLEM.full, "layer1": 0})
    assert gone == {**PROBLEM.full, "layer1": 0, "layer2": 0}
    assert PROBLEM.tied({**PROBLEM.full, "layer2": 0}) == {**PROBLEM.full, "layer2": 1}
    assert PROBLEM.tied({**gone, "layer1": 5})["layer2"] == 1
    assert to_widths(PROBLEM, {**PROBLEM.full, "layer4": 0})["layer5"] == 0


def test_nearest_widths_with_and_without_zero() -> None:
    assert PROBLEM.nearest_choice("layer1", 0.4) == 0
    assert PROBLEM.nearest_kept("layer1", 0.4) == 1
    assert PROBLEM.nearest_choice("layer0", 0.0) == 1
    gone = {**PROBLEM.full, "layer1": 0}
    assert PROBLEM.nearest_open("layer2", 20, gone) == 0
    assert PROBLEM.nearest_open("layer2", 0, PROBLEM.full) == 1


def test_untied_widths_are_refused() -> None:
    with pytest.raises(SearchError, match="'layer1' has width 0 but 'layer2' of the same branch"):
        PROBLEM.check({**PROBLEM.full, "layer1": 0})


@pytest.mark.parametrize(
    ("branches", "message"),
    [
        ((("layer1", "layer2"),), "'layer4' has the choice 0 but is in no branch"),
        ((("layer1", "layer2"), ("layer4", "layr5")), "did you mean 'layer5'"),
        ((("layer1", "layer2"), ("layer2", "layer4", "layer5")), "'layer2' is in two branches"),
        ((("layer2", "layer1"), ("layer4", "layer5")), "not in the order of the network"),
        ((("layer0",),), "must have the choice 0, got 1"),
        (((),), "without groups"),
    ],
)
def test_branches_that_cannot_be(branches: tuple[tuple[str, ...], ...], message: str) -> None:
    with pytest.raises(SearchError, match=message):
        replace(PROBLEM, branches=branches)


@pytest.mark.parametrize(
    ("group", "curve", "message"),
    [
        ("layer0", CURVES["layer0"][1:], "'layer0' has 15 losses, expected 16"),
        ("layer0", [float("nan")] * 16, "'layer0' is not finite"),
        ("layer0", [-1.0, *CURVES["layer0"][1:]], "'layer0' has a negative loss: -1"),
        ("layer0", [0.0, 0.5] + [0.0] * 14, "'layer0' rises with width, from 0 to 0.5"),
        ("layer0", [1.0] * 16, "'layer0' must end with 0"),
        ("layer2", [1.0, *CURVES["layer2"][1:]], "stands at its first group, 'layer1'"),
        ("layr0", [0.0], "unknown channel group 'layr0'; did you mean 'layer0'"),
    ],
)
def test_curves_that_are_no_losses(group: str, curve: list[float], message: str) -> None:
    with pytest.raises(SearchError, match=message):
        replace(PROBLEM, curves={**CURVES, group: curve})


def test_removing_may_hurt_less_than_a_narrow_branch() -> None:
    replace(PROBLEM, curves={**CURVES, "layer1": [0.0, *CURVES["layer1"][1:]]})


def test_neighbours_reach_every_tied_combination_once() -> None:
    net = SmallNet(channels=(2, 2, 2), sensitivity=(1, 1, 1), target=1.0, blocks=((1, 2),))
    problem = net.problem()
    seen: set[tuple[int, ...]] = set()
    for _ in range(2 * (4 + 1)):
        widths = unseen(problem, problem.full, seen)
        assert problem.check(widths) == widths
        seen.add(problem.key(widths))
    with pytest.raises(SearchError, match="every combination"):
        unseen(problem, problem.full, seen)


@pytest.mark.parametrize("name", ["random", "amc", "optuna:TPESampler", "knapsack", "bocr"])
def test_samplers_remove_branches_where_only_that_meets_the_budget(name: str) -> None:
    target = PROBLEM.cost({**PROBLEM.narrowest, "layer1": 0, "layer2": 0}) + 0.001
    problem = replace(PROBLEM, target=target)
    study = optuna.create_study(sampler=make_sampler(name, problem, 0, 8, {}))
    for _ in range(3):
        trial = study.ask(distributions(problem))
        widths = to_widths(problem, trial.params)
        assert widths == trial.params
        assert problem.check(widths) == widths and problem.fits(widths)
        study.tell(trial, NET.accuracy(widths))


def test_random_search_removes_and_keeps() -> None:
    study = optuna.create_study(sampler=make_sampler("random", PROBLEM, 0, 200, {}))
    asked = [study.ask(distributions(PROBLEM)).params for _ in range(150)]
    gone = sum(not params["layer1"] for params in asked)
    assert 0 < gone < 75
