"""Training and pruning together, from random weights (RLAL, CVPR 2024): no pretrained model."""

from edgeprune.joint.rounds import Round, Rounds
from edgeprune.joint.schedule import JointSchedule
from edgeprune.joint.scoring import Alignment, Scorer
from edgeprune.joint.training import JointEpoch, JointResult, train_jointly

__all__ = [
    "Alignment",
    "JointEpoch",
    "JointResult",
    "JointSchedule",
    "Round",
    "Rounds",
    "Scorer",
    "train_jointly",
]
