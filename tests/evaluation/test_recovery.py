import pytest
import torch
from torch import nn

from edgeprune.config import DataConfig, ModelConfig, RecoverConfig, WorkloadConfig
from edgeprune.evaluation import Recovery, accuracy
from edgeprune.pruning import ChannelSpace, WeightSpace
from edgeprune.training import fit
from edgeprune.workloads import Workload, load_workload


@pytest.fixture(scope="module")
def workload() -> Workload:
    """A tiny net trained on digits to about 90 %."""
    config = WorkloadConfig(
        model=ModelConfig(name="tests.models:tiny_cnn", num_classes=10),
        data=DataConfig(name="digits"),
    )
    opened = load_workload(config)
    fit(
        opened.model, opened.splits.train, epochs=6, lr=0.1, batch_size=64, weight_decay=5e-4,
        seed=0, mode="float32",
    )  # fmt: skip
    return opened


@pytest.fixture(scope="module")
def space(workload: Workload) -> ChannelSpace:
    return ChannelSpace.from_model(workload.model, workload.example_input)


def recovered(workload: Workload, space: ChannelSpace, ratio: float, **config: object) -> nn.Module:
    recovery = Recovery(workload.model, workload.splits.train, RecoverConfig(**config))
    return recovery.recover(space.plan(space.scaled(ratio)))


def test_each_step_helps(workload: Workload, space: ChannelSpace) -> None:
    def scored(**config: object) -> float:
        return accuracy(recovered(workload, space, 0.6, **config), workload.splits.reward)

    raw = scored(reconstruction="none", recalibrate_bn=False)
    squares = scored(recalibrate_bn=False)
    norms = scored(reconstruction="none")
    both = scored()
    assert raw + 0.05 < min(squares, norms)
    assert both > max(squares, norms) - 0.02


def test_a_plan_that_cuts_nothing_changes_nothing(workload: Workload, space: ChannelSpace) -> None:
    whole = recovered(workload, space, 1.0)
    for name, value in workload.model.state_dict().items():
        assert torch.equal(whole.state_dict()[name], value), name


def test_the_original_stays_as_it_is(workload: Workload, space: ChannelSpace) -> None:
    before = {name: value.clone() for name, value in workload.model.state_dict().items()}
    recovered(workload, space, 0.3)
    for name, value in workload.model.state_dict().items():
        assert torch.equal(before[name], value), name


def test_equal_plans_recover_equally_whatever_came_before(
    workload: Workload, space: ChannelSpace
) -> None:
    config, train = RecoverConfig(), workload.splits.train
    plan = space.plan(space.scaled(0.5))
    used = Recovery(workload.model, train, config)
    first = {**space.full, space.free[0].name: space.choices[space.free[0].name][0]}
    used.recover(space.plan(first))
    one, other = used.recover(plan), Recovery(workload.model, train, config).recover(plan)
    for name, value in one.state_dict().items():
        assert torch.equal(other.state_dict()[name], value), name


def test_the_model_comes_in_eval_mode_and_can_be_trained(
    workload: Workload, space: ChannelSpace
) -> None:
    model = recovered(workload, space, 0.5)
    assert not any(module.training for module in model.modules())
    model.train()(workload.example_input.expand(4, -1, -1, -1)).sum().backward()
    assert all(weight.grad is not None for weight in model.parameters())


def test_single_weights_are_refitted(workload: Workload) -> None:
    space, splits = WeightSpace(workload.model), workload.splits
    plan = space.plan(space.by_magnitude(0.08))
    plain, refitted = (
        Recovery(workload.model, splits.train, RecoverConfig(reconstruction=how))
        for how in ("none", "least_squares")
    )
    found = refitted.recover(plan)
    gain = accuracy(found, splits.reward) - accuracy(plain.recover(plan), splits.reward)
    assert gain > 0.05
    refitted.recover(space.plan(space.by_magnitude(0.5)))
    again = refitted.recover(plan).state_dict()
    assert all(torch.equal(one, again[name]) for name, one in found.state_dict().items())
