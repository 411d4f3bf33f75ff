import math
from dataclasses import replace

import pytest

from edgeprune.search import Widths, fill, fit_to_budget
from edgeprune.testing.samplers import SmallNet

NET = SmallNet()
PROBLEM = NET.problem()
RESIDUAL = SmallNet(blocks=((1, 2), (4, 5))).problem()


def _stairs(widths: Widths) -> float:
    """As on a device whose kernels compute multiples of 8 channels."""
    return NET.latency_ratio({group: math.ceil(width / 8) * 8 for group, width in widths.items()})


def test_free_widths_are_taken() -> None:
    problem = replace(PROBLEM, cost=_stairs)
    plain = fit_to_budget(problem, dict.fromkeys(problem.groups, 1.0), fill=False)
    filled = fill(problem, plain)
    assert any(width % 8 for width in plain.values())
    assert all(width % 8 == 0 for width in filled.values())
    assert all(filled[group] >= plain[group] for group in problem.groups)


def test_no_group_can_be_widened_after_filling() -> None:
    widths = fit_to_budget(SmallNet(multiple=8).problem(), dict.fromkeys(PROBLEM.groups, 1.0))
    for group, width in widths.items():
        if width < PROBLEM.full[group]:
            assert not PROBLEM.fits({**widths, group: width + 8})


def test_a_wider_and_cheaper_width_is_found_behind_a_dearer_one() -> None:
    def cost(widths: Widths) -> float:
        return 0.4 + 0.2 * (widths["layer0"] % 4 != 0)

    problem = replace(PROBLEM, cost=cost)
    start = {**PROBLEM.full, "layer0": 9}
    assert fill(problem, start) == start  # Over the budget: as it is.
    assert fill(problem, {**start, "layer0": 10} | {"layer0": 8})["layer0"] == 8
    assert fill(problem, {**start, "layer0": 13})["layer0"] == 13
    cheap = replace(problem, target=0.7)
    assert fill(cheap, {**start, "layer0": 13})["layer0"] == 16


def test_the_group_furthest_below_its_wanted_ratio_comes_first() -> None:
    start = dict.fromkeys(PROBLEM.groups, 4)
    wanted = dict.fromkeys(PROBLEM.groups, 0.1) | {"layer3": 1.0}
    widths = fill(PROBLEM, start, wanted)
    assert widths["layer3"] == 32
    assert fill(PROBLEM, start)["layer3"] < 32


def test_curves_say_what_is_widened() -> None:
    net = SmallNet(sensitivity=(0.01, 0.01, 0.01, 0.01, 0.01, 5.0), curves=True)
    start = {group: full // 3 for group, full in PROBLEM.full.items()}
    assert fill(net.problem(), start)["layer5"] == 64 > fill(PROBLEM, start)["layer5"]


def test_branches_that_are_gone_stay_gone() -> None:
    start = {**RESIDUAL.narrowest, "layer1": 0, "layer2": 0}
    widths = fill(replace(RESIDUAL, target=1.0), start)
    assert widths == {**RESIDUAL.full, "layer1": 0, "layer2": 0}


def test_no_scaling_removes_a_branch_that_fits() -> None:
    ratios = dict.fromkeys(RESIDUAL.groups, 1.0) | {"layer1": 0.01}
    assert all(fit_to_budget(replace(RESIDUAL, target=0.4), ratios).values())
    gone = fit_to_budget(RESIDUAL, {**ratios, "layer1": 0.0})
    assert gone["layer1"] == gone["layer2"] == 0 and gone["layer4"] > 0


def test_a_budget_below_the_narrowest_plan_removes_the_least_wanted_branches() -> None:
    narrowest = RESIDUAL.cost(RESIDUAL.narrowest)
    without = RESIDUAL.cost(RESIDUAL.tied({**RESIDUAL.narrowest, "layer4": 0}))
    problem = replace(RESIDUAL, target=(narrowest + without) / 2)
    widths = fit_to_budget(problem, dict.fromkeys(problem.groups, 1.0) | {"layer4": 0.1})
    assert problem.fits(widths)
    assert widths["layer4"] == widths["layer5"] == 0 and widths["layer1"] > 0


def test_completed_problems_are_left_alone() -> None:
    problem = replace(PROBLEM, complete=lambda widths, cost: widths)
    assert fill(problem, PROBLEM.smallest) == PROBLEM.smallest


@pytest.mark.parametrize("seed", range(3))
def test_filling_is_repeatable(seed: int) -> None:
    ratios = {group: 0.1 + 0.1 * (place + seed) for place, group in enumerate(PROBLEM.groups)}
    assert fit_to_budget(PROBLEM, ratios) == fit_to_budget(PROBLEM, ratios)
