"""Candidate spaces of a model, plans, and candidates: what may be cut, and how it is done."""

from edgeprune.pruning.costs import LayerCosts
from edgeprune.pruning.groups import ChannelGroup, Member
from edgeprune.pruning.importance import CRITERIA
from edgeprune.pruning.plan import Plan, Widths
from edgeprune.pruning.spaces.channels import ChannelSpace
from edgeprune.pruning.spaces.loading import load_plan
from edgeprune.pruning.spaces.protocol import CandidatePlan, CandidateSpace, CountedSpace, Part
from edgeprune.pruning.spaces.weights import WeightPlan, WeightSpace
from edgeprune.pruning.template import Template

__all__ = [
    "CRITERIA",
    "CandidatePlan",
    "CandidateSpace",
    "ChannelGroup",
    "ChannelSpace",
    "CountedSpace",
    "LayerCosts",
    "Member",
    "Part",
    "Plan",
    "Template",
    "WeightPlan",
    "WeightSpace",
    "Widths",
    "load_plan",
]
