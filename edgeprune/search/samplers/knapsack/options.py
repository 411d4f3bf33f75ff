"""The knapsack sampler's numbers."""

from typing import Annotated, ClassVar

from pydantic import Field

from edgeprune.search.allocation import CAPACITIES
from edgeprune.search.samplers.checked_options import CheckedOptions


class KnapsackOptions(CheckedOptions):
    """Parameters of `KnapsackSampler`.

    Attributes:
        corrections: trials at the start that evaluate the plain allocation, solved again each
            time with the cost as measured so far.
        capacity: what a unit of the logarithm of the MACs is worth beside the summed losses, in
            nats; these trials try each in turns, the others draw one.
        random: share of the other trials whose coefficients are drawn at random.
        spread: standard deviation of the logarithm of a random coefficient.
        resampled: share of the groups whose coefficients change in the first local step; the
            last one changes a single group.
    """

    sampler: ClassVar[str] = "knapsack"

    corrections: Annotated[int, Field(ge=1, le=1000)] = 6
    capacity: Annotated[
        tuple[Annotated[float, Field(ge=0, le=1e6)], ...], Field(strict=False, min_length=1)
    ] = CAPACITIES
    random: Annotated[float, Field(ge=0, le=1)] = 0.2
    spread: Annotated[float, Field(gt=0, le=10)] = 0.7
    resampled: Annotated[float, Field(gt=0, le=1)] = 0.4
