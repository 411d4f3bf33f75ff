"""Functions of plans that take little longer for several plans than for one."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass


@dataclass(frozen=True)
class OfSeveral:
    """Such a function, in the form of one of a single plan.

    Attributes:
        of: values of some plans; equal to the bit whatever plans are asked for at once.
    """

    of: Callable[[Sequence[dict[str, int]]], Sequence[float]]

    def __call__(self, widths: dict[str, int]) -> float:
        """The value of one plan."""
        return self.of([widths])[0]


def values(
    function: Callable[[dict[str, int]], float], plans: Sequence[dict[str, int]]
) -> Sequence[float]:
    """Values of some plans, at once where the function can.

    Args:
        function: of one plan, maybe `OfSeveral`.
        plans: what is asked for.
    """
    if isinstance(function, OfSeveral):
        return function.of(plans)
    return [function(widths) for widths in plans]
