"""What a race hands over: the result and the baselines, each file scored on the test split once."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from edgeprune.pipeline.field import Contender
from edgeprune.pipeline.finishing import copy_contender, finish_contender
from edgeprune.pipeline.goals import Goal
from edgeprune.pipeline.networks import Networks
from edgeprune.pipeline.session import Session


@dataclass(frozen=True)
class Handover:
    """Writes contenders that ran to the end.

    Attributes:
        session: the open run.
        goal: the budget.
        networks: of the contenders.
    """

    session: Session
    goal: Goal
    networks: Networks

    def baseline(self, one: Contender, role: str, score: float, finalists: tuple[int, ...]) -> None:
        """Write a contender in one of its roles, unless that is done.

        Args:
            one: the contender; what it was written as in its first role is copied.
            role: the baseline's name.
            score: its accuracy on the reward split.
            finalists: trials among which its plan was chosen.
        """
        name = self.goal.named(role)
        if self.session.directory.done(name):
            return
        facts = {"found_by": one.found_by, "reward_accuracy": score, "finalists": finalists}
        if role == one.roles[0]:
            self._write(one, name, facts)
        else:
            copy_contender(self.session, self.goal.named(one.roles[0]), name, facts)

    def result(self, one: Contender, score: float, finalists: tuple[int, ...]) -> None:
        """Write the winner.

        Args:
            one: the winner, which may be a baseline.
            score: its accuracy on the reward split.
            finalists: trials among which its plan was chosen.
        """
        facts = {
            "found_by": one.found_by,
            "roles": one.roles,
            "reward_accuracy": score,
            "finalists": finalists,
            "lost": self._lost(one, score),
        }
        name = self.goal.named("result")
        if one.roles:
            copy_contender(self.session, self.goal.named(one.roles[0]), name, facts)
        else:
            self._write(one, name, facts)

    def _lost(self, one: Contender, score: float) -> float | None:
        """Points of accuracy below the base model's, where the budget limits them."""
        allowed = self.session.config.budget.accuracy_drop
        if allowed is None:
            return None
        base = self.session.score(self.session.workload.model)
        lost = 100 * (base - score)
        if lost > allowed:
            self.session.reporter.say(
                f"{self.goal.text}: {one.found_by} loses {lost:.1f} points of accuracy on the "
                f"reward split; allowed: {allowed:g} (budget.accuracy_drop)"
            )
        return lost

    def _write(self, one: Contender, name: str, facts: Mapping[str, Any]) -> None:
        model, comparison = self.networks.trained(one), self.networks.measured(one)
        limit, plan = self.goal.limit, self.networks.plan(one)
        finish_contender(self.session, name, plan, model, limit, facts, comparison)
