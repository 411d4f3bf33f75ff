"""The same keep ratio everywhere: the baseline that is hard to beat."""

from optuna.study import Study
from optuna.trial import FrozenTrial

from edgeprune.search.neighbours import SpaceExhausted
from edgeprune.search.problem import SearchProblem, Widths
from edgeprune.search.samplers.base import WidthSampler
from edgeprune.search.samplers.seen import seen_keys

#: Keep ratios that are told apart: a width of 1,000 channels changes with each.
_STEPS = 1000


class UniformWidthSampler(WidthSampler):
    """One keep ratio for all groups, the largest inside the budget first.

    No branch is removed and nothing is filled: this is the plain baseline. There are only as many
    trials as there are different uniform plans inside the budget.
    """

    def __init__(self, problem: SearchProblem, seed: int) -> None:
        super().__init__(problem, seed)
        self._ladder: list[Widths] = []
        for step in range(_STEPS, 0, -1):
            widths = {
                group: problem.nearest_kept(group, problem.full[group] * step / _STEPS)
                for group in problem.groups
            }
            if not self._ladder or widths != self._ladder[-1]:
                self._ladder.append(widths)

    def propose(self, study: Study, trial: FrozenTrial) -> Widths:
        """The widest uniform plan that fits and was not evaluated yet.

        Raises:
            SpaceExhausted: all of them have been evaluated.
        """
        seen = seen_keys(self.problem, study)
        for widths in self._ladder:
            if self.problem.key(widths) not in seen and self.problem.fits(widths):
                return widths
        if not seen:
            return self.problem.narrowest
        msg = "every uniform plan inside the budget has been evaluated"
        raise SpaceExhausted(msg)
