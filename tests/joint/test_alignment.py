"""The pull of the weights towards a structure."""

import torch

from edgeprune.joint import Alignment
from tests.joint.jointly import Small


def test_what_is_to_be_cut_shrinks_and_the_rest_is_left_alone() -> None:
    small = Small()
    widths = {name: choices[len(choices) // 2] for name, choices in small.space.choices.items()}
    plan = small.scorer.plan(widths)
    alignment = Alignment(small.space, small.model, factor=1.0)
    alignment.follow(plan)
    kept_before = plan.apply(small.model).state_dict()
    before = alignment.norm().item()
    optimizer = torch.optim.SGD(small.model.parameters(), lr=0.05)
    for _ in range(20):
        optimizer.zero_grad()
        alignment().backward()
        optimizer.step()
    assert alignment.norm().item() < 0.8 * before
    kept = plan.apply(small.model).state_dict()
    assert all(torch.equal(value, kept_before[name]) for name, value in kept.items())


def test_a_whole_network_is_not_pulled() -> None:
    small = Small()
    alignment = Alignment(small.space, small.model, factor=1.0)
    alignment.follow(small.scorer.plan(small.space.full))
    assert alignment().item() == 0.0


def test_scoring_leaves_the_network_alone() -> None:
    small = Small()
    small.model.train()
    before = {name: value.clone() for name, value in small.model.state_dict().items()}
    first = small.scorer.score(small.problem.smallest)
    assert small.model.training
    assert all(torch.equal(value, before[name]) for name, value in small.model.state_dict().items())
    assert small.scorer.score(small.problem.smallest) == first
