"""Sensitivity: the loss that cutting one group alone causes, at each of its widths."""

from edgeprune.sensitivity.curves import Curves, interpolated
from edgeprune.sensitivity.measuring import measure_curves, points_wanted
from edgeprune.sensitivity.obs import ObsImportance, obs_scores

__all__ = [
    "Curves",
    "ObsImportance",
    "interpolated",
    "measure_curves",
    "obs_scores",
    "points_wanted",
]
