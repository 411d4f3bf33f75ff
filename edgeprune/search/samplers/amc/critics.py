"""AMC's search by the critic that it learns with."""

from edgeprune.search.problem import SearchProblem
from edgeprune.search.samplers.amc.options import AmcOptions
from edgeprune.search.samplers.amc.plan import PlanSampler
from edgeprune.search.samplers.amc.policy import PolicySampler
from edgeprune.search.samplers.amc.sampler import AmcSampler
from edgeprune.search.samplers.base import WidthSampler

_CRITICS: dict[str, type[AmcSampler] | type[PlanSampler] | type[PolicySampler]] = {
    "step": AmcSampler,
    "plan": PlanSampler,
    "none": PolicySampler,
}


def amc_sampler(
    problem: SearchProblem, seed: int, trials: int, options: AmcOptions
) -> WidthSampler:
    """The sampler of `AmcOptions.critic`."""
    return _CRITICS[options.critic](problem, seed, trials, options)
