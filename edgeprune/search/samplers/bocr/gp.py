"""BOCR's Gaussian process: fitted by BoTorch, asked in closed form."""

import math
import warnings
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from types import SimpleNamespace
from typing import Any

import numpy as np
import torch
from botorch.exceptions.errors import ModelFittingError
from botorch.fit import fit_gpytorch_mll
from botorch.models import SingleTaskGP
from botorch.models.model import Model
from gpytorch.constraints import GreaterThan
from gpytorch.kernels import MaternKernel, ScaleKernel
from gpytorch.likelihoods import FixedNoiseGaussianLikelihood
from gpytorch.means import ZeroMean
from gpytorch.mlls import ExactMarginalLogLikelihood
from gpytorch.priors import LogNormalPrior

from edgeprune.search.samplers.bocr.options import BocrOptions

#: Smallest variance of an observation, in variances of all rewards: keeps matrices regular.
_LEAST_KNOWN, _LEAST_LEARNT = 1e-6, 1e-4
#: Shortest length scale, in roots of the number of variables. Shorter ones explain the noise of
#: the rewards as structure: neighbours then tell nothing of each other.
_SHORTEST = 0.2


@dataclass(frozen=True)
class Observations:
    """What the process knows.

    Attributes:
        inputs: float64 (points, variables), 0 to 1.
        values: float64 (points,), standardised.
        variances: float64 (points,), those of the values as far as they were measured.
    """

    inputs: torch.Tensor
    values: torch.Tensor
    variances: torch.Tensor


class GaussianProcess(Model):  # type: ignore[misc]  # BoTorch is not typed.
    """Matérn-5/2 with one length scale, mean 0, and noise known and learnt.

    The variance of a value is the one that was measured plus one learnt for all. BoTorch fits
    the parameters. It also could be asked for predictions, and they would be the same (by test),
    but a proposal asks hundreds of times and most of its time would go into bookkeeping.

    Args:
        known: observations, at least one.
        fitted: BoTorch's model with the parameters, see `fitted`.
    """

    num_outputs = 1

    def __init__(self, known: Observations, fitted: SingleTaskGP) -> None:
        super().__init__()
        kernel = fitted.covar_module
        with torch.no_grad():
            self._inputs = known.inputs
            self._scale = float(kernel.outputscale)
            self._length = float(kernel.base_kernel.lengthscale)
            noise = known.variances.clamp_min(_LEAST_KNOWN) + float(fitted.likelihood.second_noise)
            covariance = self._covariance(known.inputs) + torch.diag(noise)
            self._root = torch.linalg.cholesky(covariance)
            self._weights = torch.cholesky_solve(known.values[:, None], self._root)

    def predict(self, inputs: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """Mean and variance of the noise-free values, float64 (points,) each; differentiable.

        Args:
            inputs: float64 (points, variables).
        """
        across = self._covariance(inputs)
        mean = (across @ self._weights)[:, 0]
        explained = torch.linalg.solve_triangular(self._root, across.T, upper=False)
        return mean, self._scale - explained.square().sum(0)

    def posterior(self, X: torch.Tensor, *_: Any, **__: Any) -> Any:
        """What BoTorch's acquisition functions ask: (..., 1, variables), mean and variance."""
        mean, variance = self.predict(X.flatten(0, -2))
        shape = (*X.shape[:-1], 1)
        return SimpleNamespace(mean=mean.reshape(shape), variance=variance.reshape(shape))

    @property
    def batch_shape(self) -> torch.Size:
        """One process, not several (BoTorch's interface)."""
        return torch.Size()

    def _covariance(self, inputs: torch.Tensor) -> torch.Tensor:
        distance = torch.cdist(inputs, self._inputs) * (math.sqrt(5) / self._length)
        return self._scale * (1 + distance + distance.square() / 3) * torch.exp(-distance)


def fitted(known: Observations, options: BocrOptions) -> SingleTaskGP:
    """BoTorch's fit, from the likeliest of several length scales.

    The length scale's prior and its lower bound widen with the number of variables (Hvarfner et
    al., ICML 2024), where GPyOpt's likelihood alone decides: of 10 noisy points in 27 dimensions
    it says nothing.

    Args:
        known: observations.
        options: how long and from where it is fitted.
    """
    variables = known.inputs.shape[1]
    kernel = ScaleKernel(
        MaternKernel(
            nu=2.5,
            lengthscale_prior=LogNormalPrior(2**0.5 + np.log(variables) / 2, 3**0.5),
            lengthscale_constraint=GreaterThan(_SHORTEST * variables**0.5),
        ),
        # The values have variance 1. A process that may vary much more than what it has seen
        # expects most where it knows nothing, and the search never comes back to what is good.
        outputscale_prior=LogNormalPrior(0.0, 0.3),
        # The optimiser's trial steps else reach 0, where the prior is not defined.
        outputscale_constraint=GreaterThan(_LEAST_LEARNT),
    )
    kernel.outputscale = 1.0
    likelihood = FixedNoiseGaussianLikelihood(
        known.variances.clamp_min(_LEAST_KNOWN),
        learn_additional_noise=True,
        noise_constraint=GreaterThan(_LEAST_LEARNT),
    )
    model = SingleTaskGP(
        known.inputs,
        known.values[:, None],
        likelihood=likelihood,
        covar_module=kernel,
        mean_module=ZeroMean(),
        outcome_transform=None,
    )
    objective = ExactMarginalLogLikelihood(likelihood, model)
    scales = np.geomspace(1.5 * _SHORTEST, 3.0, options.restarts) * variables**0.5
    found = []
    for scale in scales:
        kernel.base_kernel.lengthscale = float(scale)
        with torch.no_grad():
            found.append(float(objective(model(known.inputs), known.values)))
    kernel.base_kernel.lengthscale = float(scales[int(np.argmax(found))])
    # Where L-BFGS fails, the parameters stay as they are.
    with suppress(ModelFittingError):
        fit_gpytorch_mll(
            objective,
            max_attempts=1,
            optimizer_kwargs={"options": {"maxiter": options.fit_iterations}},
        )
    model.eval()
    return model


@contextmanager
def quiet_and_alone() -> Iterator[None]:
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
