"""The budgets of a run, one after the other: a run has one, or several from loose to tight."""

from dataclasses import dataclass

from edgeprune.config import BudgetConfig
from edgeprune.pipeline.stages.probe import Probe


@dataclass(frozen=True)
class Goal:
    """One budget of a run.

    Attributes:
        text: as a person writes it: ``0.7x``, ``8 ms`` or ``90% sparsity``.
        probed: what the device said before the search, with this budget.
        own: whether its result is the run directory's own bundle; it is the tightest one.
    """

    text: str
    probed: Probe
    own: bool

    @property
    def limit(self) -> float:
        """Largest cost, latency or density, as a ratio to the base model's."""
        return self.probed.budget

    @property
    def folder(self) -> str:
        """Where its bundle is, in the run directory."""
        return "." if self.own else f"ladder/latency-{self._written}"

    def named(self, what: str) -> str:
        """The name of a search, a stage or a contender that belongs to this budget."""
        return what if self.own else f"{what}-{self._written}"

    @property
    def _written(self) -> str:
        return self.text.replace(" ", "")


def goals(budget: BudgetConfig, probed: Probe) -> list[Goal]:
    """A run's budgets, loose to tight; the last is the run's own.

    Args:
        budget: what the user asks for.
        probed: what the device said before the search.
    """
    base_ms = None if probed.base is None else probed.base.level_ms
    return [
        Goal(
            one.latency_text or one.text,
            probed.model_copy(update={"budget": one.ratio(base_ms)}),
            index == len(budget.each),
        )
        for index, one in enumerate(budget.each, 1)
    ]
