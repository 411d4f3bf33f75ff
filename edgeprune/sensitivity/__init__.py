"""Sensitivity: the loss that cutting one group alone causes, at each of its widths."""

from edgeprune.sensitivity.curves import Curves, interpolated
from edgeprune.sensitivity.measuring import measure_curves, points_wanted

__all__ = ["Curves", "interpolated", "measure_curves", "points_wanted"]
