"""z: what the agent is told of how far the weights have come."""

import io
from collections.abc import Sequence

import torch

from edgeprune.joint.representation import Representation, Steps

ROUNDS = 12


def observed(count: int, seed: int, rounds: Sequence[int] = range(ROUNDS)) -> Steps:
    """The same action earns more in later rounds, as it does while weights learn."""
    torch.manual_seed(seed)
    states, actions = torch.rand(count, 5), torch.rand(count, 1)
    drawn = torch.tensor(rounds)[torch.randint(0, len(rounds), (count,))]
    rewards = 0.7 * drawn / ROUNDS + 0.2 * actions[:, 0]
    return Steps(states, actions, drawn, rewards)


def trained(seed: int = 0, updates: int = 300) -> Representation:
    torch.manual_seed(seed)
    representation = Representation(ROUNDS, 5)
    for update in range(updates):
        representation.learn(observed(64, seed=1 + update))
    return representation


def trained_up_to(known: int, *, begin: bool) -> Representation:
    """Round by round, as joint training does it; `begin` also opens the round after them."""
    torch.manual_seed(0)
    representation = Representation(ROUNDS, 5)
    for number in range(known):
        if begin:
            representation.begin(number)
        for update in range(40):
            seen = observed(64, seed=100 * number + update, rounds=range(number + 1))
            representation.learn(seen)
    if begin:
        representation.begin(known)
    return representation


def test_gradients_reach_embeddings_and_recurrent_network() -> None:
    torch.manual_seed(0)
    representation = Representation(ROUNDS, 5)
    before = {name: value.clone() for name, value in representation.named_parameters()}
    representation.learn(observed(64, seed=1))
    gradients = {
        name: float(value.grad.abs().sum()) for name, value in representation.named_parameters()
    }
    assert all(gradient > 0 for gradient in gradients.values()), gradients
    assert all(
        not torch.equal(value, before[name]) for name, value in representation.named_parameters()
    )


def test_a_rounds_z_depends_on_earlier_rounds_alone() -> None:
    torch.manual_seed(0)
    representation = Representation(ROUNDS, 5)
    before = representation.table().detach()
    with torch.no_grad():
        representation.embeddings.weight[7] += 1.0
    after = representation.table().detach()
    assert torch.equal(before[:7], after[:7])
    assert not torch.allclose(before[7:], after[7:])


def test_rewards_are_decoded_better_with_z_than_without_it_or_with_another_rounds() -> None:
    representation = trained()
    fresh = observed(512, seed=9999)
    with torch.no_grad():
        table = representation.table()
        own = float(representation.error(fresh))
        without = float(representation.error(fresh, torch.zeros_like(table)))
        shuffled = float(representation.error(fresh, table[torch.randperm(ROUNDS)]))
    assert own < 0.5 * without
    assert own < 0.5 * shuffled


def test_a_saved_representation_goes_on_alike() -> None:
    one = trained(updates=5)
    torch.manual_seed(5)
    other = Representation(ROUNDS, 5)
    file = io.BytesIO()
    torch.save(one.saved(), file)
    file.seek(0)
    other.restore(torch.load(file, weights_only=True))
    for each in (one, other):
        each.learn(observed(64, seed=77))
    assert torch.equal(one.table(), other.table())


def test_a_new_round_is_expected_to_be_like_the_one_before() -> None:
    """It has not been seen: what was learned of the last one says more than a random draw."""
    torch.manual_seed(0)
    known = 8
    errors: dict[bool, float] = {}
    for begun in (True, False):
        representation = trained_up_to(known, begin=begun)
        newest = observed(256, seed=9999, rounds=(known,))
        with torch.no_grad():
            errors[begun] = float(representation.error(newest))
    assert errors[True] < errors[False]
