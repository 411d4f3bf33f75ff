"""Pruning single weights in the words of a search: groups are layers, widths are densities."""

import numpy as np

from edgeprune.pruning import MaskSpace
from edgeprune.pruning.masks import PER_MILLE
from edgeprune.search import SearchProblem


def weights_problem(space: MaskSpace, density: float) -> SearchProblem:
    """What a sampler is told: the budget is on the share of weights that is kept.

    Densities in thousandths take the place of widths, so every sampler can search them; those
    that learn from measured latency (`bocr`) learn nothing of use, as it does not change.

    Args:
        space: the model's layers.
        density: largest allowed share of all prunable weights; 0.2 is 80 % sparsity.

    Raises:
        SearchError: the density is not positive.
    """
    sizes = np.array([space.full[name] for name in space.layers], np.float64)
    features = np.column_stack([np.arange(len(sizes)), np.log(sizes), sizes / sizes.sum()])
    return SearchProblem(
        groups=space.layers,
        choices=space.choices,
        features=features,
        feature_names=("index", "log_weights", "share"),
        macs=lambda densities: sum(
            space.full[name] * densities[name] / PER_MILLE for name in space.layers
        ),
        cost=space.density,
        target=density,
        above=space.above,
        exact=True,
    )
