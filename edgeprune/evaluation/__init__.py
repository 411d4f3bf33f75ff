"""Evaluation: a candidate's accuracy after recovery and its latency, as one outcome."""

from edgeprune.evaluation.accuracy import accuracy
from edgeprune.evaluation.batch_norm import recalibrate
from edgeprune.evaluation.evaluator import Evaluator
from edgeprune.evaluation.least_squares import Reconstruction
from edgeprune.evaluation.recovery import Recovery

__all__ = ["Evaluator", "Reconstruction", "Recovery", "accuracy", "recalibrate"]
