"""Training: fitting weights over epochs, resumable, distilling where a teacher is given."""

from edgeprune.training.fit import FitResult, fit
from edgeprune.training.mode import MODES, Mode

__all__ = ["MODES", "FitResult", "Mode", "fit"]
