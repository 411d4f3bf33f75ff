"""Evaluation: a candidate's accuracy after recovery and its latency, as one outcome."""

from edgeprune.evaluation.accuracy import accuracy
from edgeprune.evaluation.batch_norm import Recalibration, recalibrate
from edgeprune.evaluation.evaluator import Evaluator
from edgeprune.evaluation.execution import Execution, flush_denormals, has_bfloat16
from edgeprune.evaluation.least_squares import Reconstruction
from edgeprune.evaluation.recovery import Recovery
from edgeprune.evaluation.scorer import Scored, Scorer
from edgeprune.evaluation.turns import Turns

__all__ = [
    "Evaluator",
    "Execution",
    "Recalibration",
    "Reconstruction",
    "Recovery",
    "Scored",
    "Scorer",
    "Turns",
    "accuracy",
    "flush_denormals",
    "has_bfloat16",
    "recalibrate",
]
