"""What capacity is worth, and the widths that an allocation looks at."""

import math
from dataclasses import replace

import pytest

from edgeprune.search import Widths
from edgeprune.search.allocation import CAPACITIES, Allocator
from edgeprune.search.allocation_losses import SummedLoss
from edgeprune.search.promise import promise
from edgeprune.search.useful_widths import useful_widths
from edgeprune.testing.samplers import SmallNet

PROBLEM = SmallNet(blocks=((1, 2), (4, 5)), curves=True).problem()


def _staircase(widths: Widths) -> float:
    """Kernels work in steps of 8 channels."""
    return PROBLEM.cost({group: -(-width // 8) * 8 for group, width in widths.items()})


def test_only_widths_that_cost_less_than_a_wider_one_are_useful() -> None:
    problem = replace(PROBLEM, cost=_staircase)
    for group, widths in useful_widths(problem).items():
        full = problem.full[group]
        assert widths[-1] == full and all(width % 8 == 0 for width in widths)
        assert len(widths) > 1


def test_a_group_that_costs_nothing_stays_whole() -> None:
    problem = replace(PROBLEM, cost=lambda widths: PROBLEM.cost({**widths, "layer0": 4}))
    assert useful_widths(problem)["layer0"] == (problem.full["layer0"],)


def test_wide_groups_are_sampled_from_the_full_width_down() -> None:
    net = SmallNet(channels=(512, 512), sensitivity=(1, 1), multiple=1)
    for widths in useful_widths(net.problem()).values():
        assert len(widths) <= 65 and all(width % 8 == 0 for width in widths[1:])


def test_the_loss_is_the_sum_of_the_curves_less_what_capacity_is_worth() -> None:
    assert PROBLEM.curves is not None
    widths = Allocator(PROBLEM).widths()
    plain = SummedLoss(PROBLEM, PROBLEM.curves)
    kept = math.log(PROBLEM.macs(widths) / PROBLEM.macs(PROBLEM.full))
    assert plain(PROBLEM.full) == 0
    assert SummedLoss(PROBLEM, PROBLEM.curves, capacity=2.0)(widths) == pytest.approx(
        plain(widths) - 2 * kept
    )
    doubled = SummedLoss(PROBLEM, PROBLEM.curves, dict.fromkeys(PROBLEM.groups, 2.0))
    assert doubled(widths) == pytest.approx(2 * plain(widths))


def test_the_more_capacity_is_worth_the_more_macs_are_kept() -> None:
    allocator = Allocator(PROBLEM)
    plans = [allocator.widths(capacity=worth) for worth in (*CAPACITIES, 100.0)]
    macs = [PROBLEM.macs(plan) for plan in plans]
    assert macs == sorted(macs) and macs[-1] > macs[0]
    assert all(PROBLEM.fits(plan) for plan in plans)


def test_a_promise_weighs_reward_and_macs() -> None:
    assert promise(0.5, 1e6, 0.0) == 0.5
    assert promise(0.5, math.e * 1e6, 1.0) - promise(0.5, 1e6, 1.0) == pytest.approx(1.0)
