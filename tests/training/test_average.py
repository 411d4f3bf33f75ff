import pytest
import torch
from torch import nn

from edgeprune.errors import UserError
from edgeprune.training.average import Average


def filled(value: float) -> nn.Module:
    model = nn.Sequential(nn.Linear(2, 2), nn.BatchNorm1d(2))
    for tensor in model.state_dict().values():
        tensor.fill_(value)
    return model


def mean_of(model: nn.Module) -> float:
    floats = [one.flatten() for one in model.state_dict().values() if one.is_floating_point()]
    return float(torch.cat(floats).mean())


def test_early_steps_count_more_than_the_decay_says() -> None:
    average, model = Average(filled(0.0), 0.999), filled(1.0)
    average.update(model)
    target = filled(5.0)
    average.put_into(target)
    assert mean_of(target) == pytest.approx(1 - 2 / 11)


def test_later_ones_as_it_says() -> None:
    average, target = Average(filled(0.0), 0.5), filled(5.0)
    for _ in range(20):
        average.update(filled(1.0))
    average.put_into(target)
    before = mean_of(target)
    average.update(filled(0.0))
    average.put_into(target)
    assert mean_of(target) == pytest.approx(before / 2)
    assert int(target[1].num_batches_tracked) == 5  # type: ignore[index]


def test_the_model_is_left_alone() -> None:
    model = filled(1.0)
    average = Average(model, 0.9)
    average.update(filled(3.0))
    assert mean_of(model) == 1.0


def test_what_is_not_allowed_is_named() -> None:
    with pytest.raises(UserError, match=r"decay is 1\.0"):
        Average(filled(0.0), 1.0)
    with pytest.raises(ValueError, match="other weights"):
        Average(nn.Linear(3, 1), 0.9).load_state_dict(Average(filled(0.0), 0.9).state_dict())
