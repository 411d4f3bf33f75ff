"""What the device fails to measure for good: a finalist is set aside, a baseline is waited for."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager

from edgeprune.errors import MeasurementError
from edgeprune.pipeline.field import Contender
from edgeprune.pipeline.goals import Goal
from edgeprune.pipeline.networks import Networks
from edgeprune.pipeline.records import Aside
from edgeprune.pipeline.session import Session


@contextmanager
def needed(session: Session, what: str) -> Iterator[None]:
    """Measurements without which there is no result: a failure says what to do about it.

    Raises:
        MeasurementError: one of them failed.
    """
    try:
        yield
    except MeasurementError as error:
        msg = (
            f"{what} could not be measured, and every report shows it beside the result: {error}; "
            f"see what ails the device with `edgeprune target check {session.config.targets[0]}`"
        )
        raise MeasurementError(msg) from error


class Costs:
    """What the written files of a race's contenders take; some may not be measurable.

    Args:
        session: the open run.
        goal: the budget.
        networks: of the contenders.

    Attributes:
        aside: why a contender was set aside, by its name; a resumed race keeps to that.
    """

    def __init__(self, session: Session, goal: Goal, networks: Networks) -> None:
        self._session, self._goal, self._networks = session, goal, networks
        self._stage = goal.named("race-aside")
        self.aside = (session.directory.record(self._stage, Aside) or Aside()).reasons

    def each(self, ranked: Sequence[Contender]) -> Iterator[tuple[Contender, float]]:
        """Contenders that can be measured, in this order, with what the budget is on.

        A baseline has been measured already; of the others, one whose file cannot be is set aside.

        Raises:
            MeasurementError: none of the others can: the device is to blame, and not they.
        """
        others = [one for one in ranked if not one.roles]
        for one in ranked:
            if one.name in self.aside:
                continue
            try:
                cost = self._networks.cost(one)
                if cost <= self._goal.limit and not one.roles:
                    self._networks.measured(one)  # of a density, which needs no device until now
            except MeasurementError as error:
                self._set_aside(one, error, others)
            else:
                yield one, cost

    def _set_aside(
        self, one: Contender, error: MeasurementError, others: Sequence[Contender]
    ) -> None:
        directory, reporter = self._session.directory, self._session.reporter
        self.aside[one.name] = str(error)
        if all(other.name in self.aside for other in others):
            directory.forget(self._stage)
            msg = f"no finalist could be measured; of {one.found_by}: {error}"
            raise MeasurementError(msg) from error
        directory.finish(self._stage, Aside(reasons=self.aside))
        reporter.say(
            f"{self._goal.text}: {one.found_by} is set aside and cannot be the result: {error}"
        )
