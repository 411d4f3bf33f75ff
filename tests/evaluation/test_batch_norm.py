import pytest
import torch
from torch import nn

from edgeprune.evaluation import Execution, Recalibration, recalibrate
from tests.evaluation.nets import all_images, hand_plan, noise_split


def net() -> nn.Sequential:
    torch.manual_seed(0)
    return nn.Sequential(
        nn.Conv2d(3, 4, 3), nn.BatchNorm2d(4), nn.ReLU(), nn.Dropout(0.5), nn.Conv2d(4, 4, 3),
        nn.BatchNorm2d(4), nn.Flatten(), nn.Linear(64, 4),
    ).eval()  # fmt: skip


@torch.no_grad()
def test_statistics_are_those_of_the_images() -> None:
    model, images = net(), all_images(noise_split())
    recalibrate(model, images.split(16))
    outputs = model[0](images)
    torch.testing.assert_close(model[1].running_mean, outputs.mean((0, 2, 3)))
    torch.testing.assert_close(model[1].running_var, outputs.var((0, 2, 3)), rtol=0.02, atol=0)


def test_nothing_but_statistics_changes() -> None:
    model, images = net(), all_images(noise_split())
    before = {name: value.clone() for name, value in model.named_parameters()}
    model[1].momentum = 0.3
    recalibrate(model, [images])
    assert all(torch.equal(value, before[name]) for name, value in model.named_parameters())
    assert model[1].momentum == 0.3
    assert not any(module.training for module in model.modules())


def test_dropout_stays_off() -> None:
    first, second = net(), net()
    images = all_images(noise_split())
    recalibrate(first, [images])
    second[3] = nn.Identity()
    recalibrate(second, [images])
    assert torch.equal(first[5].running_mean, second[5].running_mean)


def test_a_failing_forward_leaves_eval_mode_and_momentum() -> None:
    model = net()
    with pytest.raises(RuntimeError):
        recalibrate(model, [torch.randn(2, 5, 8, 8)])
    assert model[1].momentum == 0.1
    assert not model[1].training


def test_models_without_statistics_are_left_alone() -> None:
    model = nn.Sequential(nn.Conv2d(3, 4, 3), nn.BatchNorm2d(4, track_running_stats=False))
    recalibrate(model, iter(()))
    assert not model.training


def test_bfloat16_is_exact_enough() -> None:
    exact, fast = net(), net()
    images = all_images(noise_split(128))
    recalibrate(exact, [images])
    recalibrate(fast, [images], Execution(channels_last=True, bfloat16=True))
    for layer in (1, 5):
        deviation = exact[layer].running_var.sqrt()
        shift = (exact[layer].running_mean - fast[layer].running_mean).abs() / deviation
        assert shift.max() < 0.02
        ratio = fast[layer].running_var / exact[layer].running_var
        assert (ratio - 1).abs().max() < 0.02


@pytest.mark.parametrize("kept", [(0, 1, 2, 3), (0, 2, 3)])
def test_few_images_come_close_to_many(kept: tuple[int, ...]) -> None:
    model, split = net(), noise_split(640)
    slices = {f"1.{name}": {0: kept} for name in ("weight", "bias", "running_mean", "running_var")}
    plan = hand_plan(
        model, slices | {"0.weight": {0: kept}, "0.bias": {0: kept}, "4.weight": {1: kept}}
    )
    wanted, corrected, plain = plan.apply(model), plan.apply(model), plan.apply(model)
    recalibrate(wanted, all_images(split).split(64))
    recalibration = Recalibration(model, split, images=640)
    recalibration.apply(corrected, plan)
    recalibrate(plain, recalibration._batches or ())

    def error(found: nn.Module) -> float:
        return sum(
            float((found[layer].running_mean - wanted[layer].running_mean).norm())
            + float((found[layer].running_var - wanted[layer].running_var).norm())
            for layer in (1, 5)
        )

    assert error(corrected) < 0.5 * error(plain)


def test_recalibration_leaves_the_original_alone() -> None:
    model = net()
    before = {name: value.clone() for name, value in model.state_dict().items()}
    plan = hand_plan(model, {})
    Recalibration(model, noise_split(320)).apply(plan.apply(model), plan)
    assert all(torch.equal(value, before[name]) for name, value in model.state_dict().items())
