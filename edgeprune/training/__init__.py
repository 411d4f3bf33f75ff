"""Training: fitting weights over epochs, resumable, distilling where a teacher is given."""

from edgeprune.training.checkpoint import epochs_done
from edgeprune.training.fit import FitResult, fit
from edgeprune.training.mode import CPU_MODES, MODES, Mode, mode_named

__all__ = ["CPU_MODES", "MODES", "FitResult", "Mode", "epochs_done", "fit", "mode_named"]
