"""A sampler in thirty lines: narrow one group after the other, and fit the rest to the budget."""

from typing import ClassVar

from optuna.study import Study
from optuna.trial import FrozenTrial

from edgeprune.search import SamplerSpec, SearchProblem, Widths, fit_to_budget
from edgeprune.search.samplers import CheckedOptions, WidthSampler
from edgeprune.search.samplers.checked_options import Rate


class HalvingOptions(CheckedOptions):
    """Options are checked when the pipeline file is read, with the nearest name for a typo.

    Attributes:
        share: of what the other groups keep, that the narrowed one keeps.
    """

    sampler: ClassVar[str] = "halving"

    share: Rate = 0.5


class HalvingSampler(WidthSampler):
    """The n-th trial narrows the n-th group; all groups are scaled until the budget is used."""

    def __init__(self, problem: SearchProblem, seed: int, options: HalvingOptions) -> None:
        super().__init__(problem, seed)
        self._share = options.share

    def propose(self, study: Study, trial: FrozenTrial) -> Widths:
        """Widths of all groups (called by Optuna)."""
        groups = self.problem.groups
        ratios = dict.fromkeys(groups, 1.0)
        ratios[groups[trial.number % len(groups)]] = self._share
        return fit_to_budget(self.problem, ratios)


SPEC = SamplerSpec(
    "halving",
    lambda problem, seed, trials, options: HalvingSampler(
        problem, seed, HalvingOptions.from_mapping(options)
    ),
    "narrows one group after the other",
    check=HalvingOptions.from_mapping,
    informed=False,
)
