"""Channel groups of a model, plans, and candidates: what may be cut, and how it is done."""

from edgeprune.pruning.costs import LayerCosts
from edgeprune.pruning.groups import ChannelGroup, Member
from edgeprune.pruning.importance import CRITERIA
from edgeprune.pruning.masks import Densities, Masks, MaskSpace
from edgeprune.pruning.plan import Plan, Widths
from edgeprune.pruning.space import ChannelSpace
from edgeprune.pruning.template import Template

__all__ = [
    "CRITERIA",
    "ChannelGroup",
    "ChannelSpace",
    "Densities",
    "LayerCosts",
    "MaskSpace",
    "Masks",
    "Member",
    "Plan",
    "Template",
    "Widths",
]
