"""BOCR's Gaussian process and the expected improvement in log form (BoTorch)."""

import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress

import numpy as np
import torch
from botorch.acquisition.analytic import LogExpectedImprovement
from botorch.exceptions.errors import ModelFittingError
from botorch.fit import fit_gpytorch_mll
from botorch.generation.gen import gen_candidates_scipy
from botorch.models import SingleTaskGP
from gpytorch.constraints import GreaterThan
from gpytorch.kernels import MaternKernel, ScaleKernel
from gpytorch.likelihoods import GaussianLikelihood
from gpytorch.mlls import ExactMarginalLogLikelihood
from gpytorch.priors import GammaPrior, LogNormalPrior
from scipy.stats import qmc

from edgeprune.search.samplers.bocr_clusters import Floats
from edgeprune.search.samplers.bocr_options import BocrOptions

#: Turns points of the unit cube (..., variables) into the inputs they stand for.
Place = Callable[[torch.Tensor], torch.Tensor]

_FEW_STEPS = 20  # L-BFGS steps on the expected improvement


class Surrogate:
    """A Gaussian process of the reward: Matérn-5/2, one length scale, learnt noise.

    The length scale's prior widens with the number of variables (Hvarfner et al., ICML 2024),
    where GPyOpt's likelihood alone decides: with 10 points in 27 dimensions it says nothing.

    Args:
        inputs: float64 (points, variables), 0 to 1.
        rewards: float64 (points,); more is better.
        pending: float64 (more points, variables) under evaluation: taken to come out as
            predicted, so that the next proposal goes elsewhere.
        options: BOCR's numbers.
    """

    def __init__(
        self, inputs: Floats, rewards: Floats, pending: Floats, options: BocrOptions
    ) -> None:
        spread = float(rewards.std())
        scaled = (rewards - rewards.mean()) / (spread if spread > 1e-12 else 1.0)
        known, values = torch.from_numpy(inputs), torch.from_numpy(scaled)[:, None]
        with _quiet_and_alone():
            model = _fitted(known, values, options)
            if len(pending):
                waiting = torch.from_numpy(pending)
                with torch.no_grad():
                    expected = model.posterior(waiting).mean
                state = model.state_dict()
                known, values = torch.cat([known, waiting]), torch.cat([values, expected])
                model = _new_model(known, values)
                model.load_state_dict(state)
                model.eval()
            with torch.no_grad():
                best = model.posterior(known).mean.max()
        self.model = model
        self.improvement = LogExpectedImprovement(model, best_f=best + options.jitter)

    def expected(self, inputs: Floats) -> Floats:
        """Logarithm of the expected improvement, float64 (points,).

        Args:
            inputs: float64 (points, variables).
        """
        with _quiet_and_alone(), torch.no_grad():
            return np.asarray(self.improvement(torch.from_numpy(inputs)[:, None]).numpy())

    def maxima(self, place: Place, variables: int, options: BocrOptions, seed: int) -> Floats:
        """Points of the unit cube with much expected improvement, best first.

        Args:
            place: where a point of the cube is evaluated; differentiable.
            variables: dimensions of the cube.
            options: how many points are looked at and climbed from.
            seed: of the points.

        Returns:
            float64 (2 * anchors, variables): the climbed ones and where they started.
        """
        samples = torch.from_numpy(sobol(variables, options.anchor_samples, seed))

        def target(unit: torch.Tensor) -> torch.Tensor:
            value: torch.Tensor = self.improvement(place(unit))
            return value

        with _quiet_and_alone():
            with torch.no_grad():
                order = target(samples[:, None]).argsort(descending=True, stable=True)
            starts = samples[order[: options.anchors], None]
            climbed, _ = gen_candidates_scipy(
                starts, target, 0.0, 1.0, options={"maxiter": _FEW_STEPS}
            )
            points = torch.cat([climbed, starts])
            with torch.no_grad():
                order = target(points).argsort(descending=True, stable=True)
        return np.asarray(points[order, 0].detach().numpy())


def sobol(variables: int, points: int, seed: int) -> Floats:
    """The first scrambled Sobol points, float64 (points, variables)."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)  # balanced only for powers of two
        return np.asarray(qmc.Sobol(variables, rng=np.random.default_rng(seed)).random(points))


def _new_model(inputs: torch.Tensor, values: torch.Tensor) -> SingleTaskGP:
    likelihood = GaussianLikelihood(noise_constraint=GreaterThan(1e-4))
    prior = LogNormalPrior(2**0.5 + np.log(inputs.shape[1]) / 2, 3**0.5)
    kernel = ScaleKernel(
        MaternKernel(nu=2.5, lengthscale_prior=prior), outputscale_prior=GammaPrior(2.0, 0.15)
    )
    return SingleTaskGP(
        inputs, values, likelihood=likelihood, covar_module=kernel, outcome_transform=None
    )


def _fitted(inputs: torch.Tensor, values: torch.Tensor, options: BocrOptions) -> SingleTaskGP:
    """A fit from the likeliest of several length scales."""
    model = _new_model(inputs, values)
    likelihood = ExactMarginalLogLikelihood(model.likelihood, model)
    scales = np.geomspace(0.1, 3.0, options.restarts) * inputs.shape[1] ** 0.5
    found = []
    for scale in scales:
        model.covar_module.base_kernel.lengthscale = float(scale)
        with torch.no_grad():
            found.append(float(likelihood(model(inputs), values[:, 0])))
    model.covar_module.base_kernel.lengthscale = float(scales[int(np.argmax(found))])
    # Where L-BFGS fails, the parameters stay as they are.
    with suppress(ModelFittingError):
        fit_gpytorch_mll(
            likelihood,
            max_attempts=1,
            optimizer_kwargs={"options": {"maxiter": options.fit_iterations}},
        )
    model.eval()
    return model


@contextmanager
def _quiet_and_alone() -> Iterator[None]:
    """Nobody else's random numbers, threads or warnings.

    One thread: sums stay the same whatever the thread count of a resumed process.
    """
    threads = torch.get_num_threads()
    # Recorded warnings are not shown; BoTorch insists on some that a filter would not stop.
    with torch.random.fork_rng(devices=[]), warnings.catch_warnings(record=True):
        torch.manual_seed(0)
        torch.set_num_threads(1)
        try:
            yield
        finally:
            torch.set_num_threads(threads)
