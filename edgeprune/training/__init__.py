"""Training: what runs over epochs."""

from edgeprune.training.fit import FitResult, fit

__all__ = ["FitResult", "fit"]
