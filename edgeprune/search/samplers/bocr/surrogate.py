"""Where BOCR looks next: the expected improvement in log form, and its maxima (BoTorch)."""

import warnings
from collections.abc import Callable

import numpy as np
import torch
from botorch.acquisition.analytic import LogExpectedImprovement
from botorch.generation.gen import gen_candidates_scipy
from scipy.stats import qmc

from edgeprune.search.samplers.bocr.clusters import Floats
from edgeprune.search.samplers.bocr.gp import (
    GaussianProcess,
    Observations,
    fitted,
    quiet_and_alone,
)
from edgeprune.search.samplers.bocr.options import BocrOptions

#: Turns points of the unit cube (..., variables) into the inputs they stand for.
Place = Callable[[torch.Tensor], torch.Tensor]

#: Of a good point so many variables are changed, on average and by so much, to look around it.
_MOVED, _STEP = 10.0, 0.2


class Surrogate:
    """A Gaussian process of the reward and the improvement that it expects.

    Args:
        inputs: float64 (points, variables), 0 to 1.
        rewards: float64 (points,); more is better.
        noise: standard deviation of each reward as far as it was measured, float64 (points,).
        pending: float64 (more points, variables) under evaluation: taken to come out as
            predicted, so that the next proposal goes elsewhere.
        options: BOCR's numbers.
    """

    def __init__(
        self, inputs: Floats, rewards: Floats, noise: Floats, pending: Floats, options: BocrOptions
    ) -> None:
        deviation = float(rewards.std())
        scale = deviation if deviation > 1e-12 else 1.0
        known = Observations(
            torch.from_numpy(inputs),
            torch.from_numpy((rewards - rewards.mean()) / scale),
            torch.from_numpy((noise / scale) ** 2),
        )
        with quiet_and_alone():
            model = fitted(known, options)
            self.process = GaussianProcess(known, model)
            with torch.no_grad():
                if len(pending):
                    waiting = torch.from_numpy(pending)
                    known = Observations(
                        torch.cat([known.inputs, waiting]),
                        torch.cat([known.values, self.process.predict(waiting)[0]]),
                        torch.cat([known.variances, torch.zeros(len(waiting)).double()]),
                    )
                    self.process = GaussianProcess(known, model)
                best = self.process.predict(known.inputs)[0].max()
        self._improvement = LogExpectedImprovement(self.process, best_f=best + options.jitter)

    def expected(self, inputs: Floats) -> Floats:
        """Logarithm of the expected improvement, float64 (points,).

        Args:
            inputs: float64 (points, variables).
        """
        with quiet_and_alone(), torch.no_grad():
            return np.asarray(self._improvement(torch.from_numpy(inputs)[:, None]).numpy())

    def maxima(self, place: Place, around: Floats, options: BocrOptions, seed: int) -> Floats:
        """Points of the unit cube with much expected improvement, best first.

        BOCR looks at random points of the cube alone. In 27 dimensions all of those are far from
        anything good, so half of the points looked at lie around the best known ones.

        Args:
            place: where a point of the cube is evaluated; differentiable.
            around: good points of the cube, float64 (points, variables).
            options: how many points are looked at and climbed from.
            seed: of the points.

        Returns:
            float64 (2 * anchors, variables): the climbed ones and where they started.
        """
        samples = torch.from_numpy(_looked_at(around, options.anchor_samples, seed))

        def target(unit: torch.Tensor) -> torch.Tensor:
            value: torch.Tensor = self._improvement(place(unit))
            return value

        with quiet_and_alone():
            with torch.no_grad():
                order = target(samples[:, None]).argsort(descending=True, stable=True)
            starts = samples[order[: options.anchors], None]
            climbed, _ = gen_candidates_scipy(
                starts, target, 0.0, 1.0, options={"maxiter": options.anchor_iterations}
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


def _looked_at(around: Floats, count: int, seed: int) -> Floats:
    """Points of the whole cube, and as many around the good ones."""
    variables = around.shape[1]
    draw = np.random.default_rng(seed)
    near = around[np.arange(count // 2) % len(around)]
    moved = draw.random(near.shape) < min(1.0, _MOVED / variables)
    near = np.clip(near + moved * draw.normal(scale=_STEP, size=near.shape), 0, 1)
    return np.concatenate([sobol(variables, count - len(near), seed), near])
