"""An estimate of latency that gets better with every measurement on the target."""

from collections.abc import Callable
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import nnls

if TYPE_CHECKING:
    from edgeprune.pruning import LayerCosts

Floats = NDArray[np.float64]

#: What each kind of cost explains of the base's latency before anything is measured. Small nets
#: are slower than their MACs say: halving ResNet-20's MACs cut its latency by 1.45x, not by 2x.
_PRIOR = {"macs": 0.6, "elements": 0.25, "weights": 0.05, "layers": 0.1}
#: Relative error of one measurement, and of the prior's shares.
_MEASUREMENT_ERROR = 0.01
_PRIOR_ERROR = 0.5


class LatencyEstimator:
    """Latency of any widths as a non-negative sum of what their layers cost.

    MACs and elements count apart for each resolution of the network, because a kernel's speed
    depends on it; weights and a constant per layer count over the whole network. The weights of
    the sum are fitted to all measurements by regularised non-negative least squares, so more
    channels never cost less.

    Args:
        layer_costs: costs per layer of any widths.
        full: widths of the base model, whose ratio is 1.
    """

    def __init__(
        self, layer_costs: "Callable[[dict[str, int]], LayerCosts]", full: dict[str, int]
    ) -> None:
        self._layer_costs = layer_costs
        base = layer_costs(full)
        sizes = np.round(np.log2(base.output_elements / np.maximum(base.weights, 1)))
        self._kinds = [np.flatnonzero(sizes == size) for size in np.unique(sizes)]
        self._scale = np.ones(2 * len(self._kinds) + 2)
        self._scale = np.maximum(self._terms(full), 1e-12)
        totals = {"macs": base.macs.sum(), "elements": _elements(base).sum()}
        shares = [
            _PRIOR[name] * part[kind].sum() / totals[name]
            for name, part in (("macs", base.macs), ("elements", _elements(base)))
            for kind in self._kinds
        ]
        self._prior = np.array([*shares, _PRIOR["weights"], _PRIOR["layers"]])
        self._fitted = self._prior
        self._rows: list[Floats] = [self._terms(full)]
        self._ratios: list[float] = [1.0]
        self._errors: list[float] = []

    @property
    def error(self) -> float | None:
        """Median relative error of recent predictions, made before their measurement came."""
        return float(np.median(self._errors[-20:])) if self._errors else None

    def ratio(self, widths: dict[str, int]) -> float:
        """Estimated latency as a ratio to the base model."""
        return float(self._terms(widths) @ self._fitted)

    def observe(self, widths: dict[str, int], ratio: float) -> None:
        """Learn a measured latency ratio."""
        self._errors.append(abs(self.ratio(widths) / ratio - 1))
        self._rows.append(self._terms(widths))
        self._ratios.append(ratio)
        rows, ratios = np.array(self._rows), np.array(self._ratios)
        # Relative errors count, and the base is known exactly.
        strength = 1 / (_MEASUREMENT_ERROR * ratios)
        strength[0] *= 10
        belief = 1 / (_PRIOR_ERROR * np.maximum(self._prior, 1e-3))
        system = np.vstack([rows * strength[:, None], np.diag(belief)])
        self._fitted, _ = nnls(system, np.concatenate([ratios * strength, self._prior * belief]))

    def _terms(self, widths: dict[str, int]) -> Floats:
        costs = self._layer_costs(widths)
        elements = _elements(costs)
        terms = [costs.macs[kind].sum() for kind in self._kinds]
        terms += [elements[kind].sum() for kind in self._kinds]
        return np.array([*terms, costs.weights.sum(), len(costs.macs)]) / self._scale


def _elements(costs: "LayerCosts") -> Floats:
    return costs.input_elements + costs.output_elements
