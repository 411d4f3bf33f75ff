"""QLP: small cuts, round after round, and a curriculum of ever smaller budgets."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from torch import Tensor

from edgeprune.search.problem import SearchProblem, Widths
from edgeprune.search.samplers.stepwise.options import QlpOptions
from edgeprune.search.samplers.stepwise.sampler import Judgement, Known, StepwiseSampler


class QlpSampler(StepwiseSampler):
    """Deep Q-learning for pruning, after the abstract of QLP (DOI 10.1109/TCSVT.2022.3167951).

    What the abstract states: deep Q-learning; every layer is visited many times and cut a little
    each time, so that all of 0 to 100 % can be reached; the state is the index and the density of
    the layer alone; a curriculum with one policy per regime of sparsity. All numbers are
    reconstructed. Visits go round the groups until the regime's cost is met. An action removes a
    share of what the group has left. The reward of a step is the change of accuracy plus
    ``cost_weight`` times the cost saved by it; at the regime's cost the accuracy is added, and a
    collapse of accuracy costs 1. Double DQN, one gradient step per step.

    Every regime has an equal part of the trials. It starts from the best candidate within the
    regime before, with that regime's Q-values and replay buffer, and fewer random actions than
    the first one.
    One search so gives a result for each regime. Plans on the way to a regime's cost are above it;
    they are evaluated completed to it (option ``evaluate``, ours). Where they are evaluated as
    they are, as we read the paper, a regime that found nothing within its cost ends with a
    closing trial (see `StepwiseSampler`).

    Args:
        problem: what is searched.
        seed: fixes all random choices.
        trials: how long the search will be.
        options: QLP's numbers.

    Attributes:
        ladder: cost of each regime, falling; the last is the budget.
        regime: the open one, from 0.

    Raises:
        SearchError: the regimes do not lead down to the budget.
    """

    options: QlpOptions

    def __init__(
        self, problem: SearchProblem, seed: int, trials: int, options: QlpOptions | None = None
    ) -> None:
        options = options or QlpOptions()
        self.ladder = options.ladder(problem.target)
        self.regime = 0
        self._policies: dict[str, dict[str, Tensor]] = {}
        self._home = dict(problem.full)
        seen, actions = 2 + options.see_cost, len(self.moves(options))
        super().__init__(problem, seed, trials, options, seen, actions)

    @staticmethod
    def moves(options: QlpOptions) -> Sequence[float]:
        """What actions stand for."""
        return options.actions

    @property
    def policies(self) -> tuple[dict[str, Tensor], ...]:
        """The acting network's weights at the end of each regime, of the open one as they are."""
        return (*self._policies.values(), self.agent.policy())

    def epsilon(self) -> float:
        """From 1 (later regimes: `next_epsilon`) along a line, by the regime's trials."""
        start = self.options.next_epsilon if self.regime else 1.0
        first = self._end(self.regime - 1) if self.regime else 0
        clock = self.options.exploration * (self._end(self.regime) - first)
        done = (self.finished - first) / max(1.0, clock)
        return max(self.options.last_epsilon, start - done * (start - self.options.last_epsilon))

    def observe(self) -> np.ndarray:
        """Index and density of the group that is visited next."""
        groups = self.problem.groups
        index = (self.steps % len(groups)) / max(1, len(groups) - 1)
        seen = [index, self.widths[self.group] / self.problem.full[self.group]]
        if self.options.see_cost:
            seen.append(self.at.cost if self.at is not None else 1.0)
        return np.array(seen, np.float32)

    def keep(self, group: str, width: int, action: int) -> float:
        """What is left of what was left."""
        return width * (1 - self.options.actions[action])

    def judge(self, before: Known, after: Known) -> Judgement:
        """Accuracy and cost gained; the end's accuracy once the regime's cost is met."""
        gained = after.value - before.value
        reward = gained + self.options.cost_weight * (before.cost - after.cost)
        # What is evaluated is not what the agent has cut: a collapse is no dead end then.
        partial = self.completed_to() is None
        collapsed = partial and after.value < self.options.collapsed
        met = after.cost <= self.ladder[self.regime]
        if collapsed:
            reward -= 1
        elif met:
            reward += after.value
        tired = self.steps >= self.options.sweeps * len(self.problem.groups)
        ended = self.finished >= self._end(self.regime)
        return Judgement(reward, collapsed or met or tired or ended, collapsed or met)

    def restart(self) -> Widths:
        """The best candidate of the regime before; goes to the next regime where it is time."""
        while self.regime < len(self.ladder) - 1 and self.finished >= self._end(self.regime):
            self._policies[str(self.regime)] = self.agent.policy()
            best = self.best_within(self.ladder[self.regime])
            self._home = best if best is not None else self._home
            self.regime += 1
        return dict(self._home)

    def closes(self, *, over: bool) -> float | None:
        """The regime's cost, where its trials run out and nothing within it is known."""
        if self.completed_to() is not None:
            return None
        target = self.ladder[self.regime]
        last = self.finished == self._end(self.regime) - 1
        return target if last and self.best_within(target) is None else None

    def completed_to(self) -> float | None:
        """The regime's cost."""
        return self.ladder[self.regime] if self.options.evaluate == "completed" else None

    def state_dict(self) -> dict[str, Any]:
        """With the regime, where its episodes begin, and the policies of those before."""
        own = {"regime": self.regime, "home": self._home, "policies": dict(self._policies)}
        return {**super().state_dict(), **own}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Go on exactly where `state_dict` was called."""
        super().load_state_dict(state)
        self.regime, self._home = state["regime"], dict(state["home"])
        self._policies = dict(state["policies"])

    def _end(self, regime: int) -> int:
        """Trials that are done when a regime ends."""
        return round(self.trials * (regime + 1) / len(self.ladder))
