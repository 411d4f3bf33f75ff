"""Random search that spends the budget."""

from optuna.study import Study
from optuna.trial import FrozenTrial

from edgeprune.search.fitting import asked_ratios, fit_to_budget
from edgeprune.search.problem import Widths
from edgeprune.search.samplers.base import WidthSampler


class RandomWidthSampler(WidthSampler):
    """Uniformly random keep ratios, scaled together until the budget is used up.

    A branch goes by chance, where its first group's ratio is nearer to 0 than to its narrowest
    width. Unscaled random policies end well below the budget and make random search look weaker
    than it is; this is the honest baseline for learning samplers.
    """

    def propose(self, study: Study, trial: FrozenTrial) -> Widths:
        """Draw each group's keep ratio between its smallest width's, or 0, and 1; scale all."""
        smallest, full = self.problem.smallest, self.problem.full
        ratios = {
            group: float(self.rng.uniform(smallest[group] / full[group], 1.0))
            for group in self.problem.groups
        }
        return fit_to_budget(self.problem, asked_ratios(self.problem, ratios))
