"""Budgets beside latency, as the page shows them."""

from dataclasses import dataclass

from edgeprune.config.amounts import NAMES, Quantity, shown_amount
from edgeprune.report.fields import EXACT, Positive


@dataclass(frozen=True)
class Limited:
    """One budget beside latency.

    Attributes:
        name: of the quantity.
        text: what is allowed, as the user wrote it.
        limit: what is allowed.
        base: what the base model takes.
        result: what the result takes.
    """

    __pydantic_config__ = EXACT

    name: Quantity
    text: str
    limit: Positive
    base: Positive
    result: Positive

    @property
    def title(self) -> str:
        """The quantity in words."""
        return NAMES[self.name]

    @property
    def held(self) -> bool:
        """Whether the result holds it."""
        return self.result <= self.limit

    @property
    def shown(self) -> tuple[str, str, str]:
        """Base, what is allowed, and the result, for people."""
        base, limit, result = (
            shown_amount(self.name, one) for one in (self.base, self.limit, self.result)
        )
        return base, limit, result
