"""The Gaussian process: BoTorch's predictions, noise known and learnt, points under evaluation."""

import numpy as np
import pytest
import torch

from edgeprune.search.samplers.bocr.gp import (
    GaussianProcess,
    Observations,
    fitted,
    quiet_and_alone,
)
from edgeprune.search.samplers.bocr.options import BocrOptions
from edgeprune.search.samplers.bocr.surrogate import Surrogate

OPTIONS = BocrOptions(anchor_samples=128, anchors=2)


def _points(points: int, variables: int) -> tuple[np.ndarray, np.ndarray]:
    inputs = np.random.default_rng(0).random((points, variables))
    return inputs, np.sin(3 * inputs.sum(axis=1))


def _observations(points: int, variables: int, variance: float = 0.0) -> Observations:
    inputs, values = _points(points, variables)
    scaled = (values - values.mean()) / values.std()
    noise = np.full(points, variance)
    noise[: points // 2] *= 4
    return Observations(*map(torch.from_numpy, (inputs, scaled, noise)))


@pytest.mark.parametrize(("points", "variables", "variance"), [(5, 1, 0.0), (30, 6, 0.3)])
def test_the_closed_form_predicts_what_botorch_predicts(
    points: int, variables: int, variance: float
) -> None:
    known = _observations(points, variables, variance)
    asked = torch.from_numpy(np.random.default_rng(1).random((20, variables)))
    with quiet_and_alone():
        model = fitted(known, OPTIONS)
    with torch.no_grad():
        posterior = model.posterior(asked)
        mean, found = GaussianProcess(known, model).predict(asked)
    assert torch.allclose(mean, posterior.mean[:, 0], atol=1e-6)
    assert torch.allclose(found, posterior.variance[:, 0], atol=1e-6)


def test_neighbours_that_differ_are_noise_and_no_short_length_scale() -> None:
    draw = np.random.default_rng(2)
    inputs = np.repeat(draw.random((20, 20)), 2, axis=0)
    inputs += draw.normal(scale=0.03, size=inputs.shape)
    known = Observations(*map(torch.from_numpy, (inputs, draw.standard_normal(40), np.zeros(40))))
    with quiet_and_alone():
        model = fitted(known, OPTIONS)
    assert model.likelihood.second_noise.item() > 0.2


def test_values_far_out_of_scale_are_fitted_too() -> None:
    inputs, values = _points(20, 3)
    known = Observations(*map(torch.from_numpy, (inputs, 1e3 * values, np.zeros(20))))
    with quiet_and_alone():
        assert fitted(known, OPTIONS).covar_module.outputscale.item() > 0


def test_a_reward_that_is_known_to_be_noisy_counts_for_less() -> None:
    inputs, rewards = np.linspace(0, 1, 12)[:, None], np.linspace(0, 1, 12) ** 2
    rewards[4] += 2
    noise = np.zeros(12)
    sure = Surrogate(inputs, rewards, noise, np.empty((0, 1)), OPTIONS)
    noise[4] = 2.0
    unsure = Surrogate(inputs, rewards, noise, np.empty((0, 1)), OPTIONS)
    at = torch.from_numpy(inputs[4:5])
    with torch.no_grad():
        assert unsure.process.predict(at)[0] < sure.process.predict(at)[0] - 0.5


def test_little_is_expected_where_a_point_is_under_evaluation() -> None:
    inputs, rewards = _points(15, 2)
    none = np.empty((0, 2))
    before = Surrogate(inputs, rewards, np.zeros(15), none, OPTIONS)
    best = before.maxima(lambda unit: unit, inputs, OPTIONS, 0)[:1]
    after = Surrogate(inputs, rewards, np.zeros(15), best, OPTIONS)
    assert after.expected(best) < before.expected(best) - 1
    again = after.maxima(lambda unit: unit, inputs, OPTIONS, 0)[0]
    assert np.abs(again - best[0]).max() > 1e-3


def test_the_maxima_are_better_than_all_points_that_were_looked_at() -> None:
    inputs, rewards = _points(20, 4)
    surrogate = Surrogate(inputs, rewards, np.zeros(20), np.empty((0, 4)), OPTIONS)
    found = surrogate.maxima(lambda unit: unit, inputs, OPTIONS, 0)
    looked_at = np.random.default_rng(3).random((128, 4))
    assert surrogate.expected(found)[0] > surrogate.expected(looked_at).max()
    assert np.all(np.diff(surrogate.expected(found)) <= 1e-9)
