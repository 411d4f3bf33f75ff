"""Kinds of values that the page's plain data may have; anything else is an error with its place."""

from typing import Annotated

from pydantic import AfterValidator, ConfigDict, Field


def _ordered(interval: tuple[float, float]) -> tuple[float, float]:
    if interval[0] > interval[1]:
        msg = f"the lower end {interval[0]} is above the upper end {interval[1]}"
        raise ValueError(msg)
    return interval


Share = Annotated[float, Field(ge=0, le=1, allow_inf_nan=False)]
#: The score of a model: 1 at best, and below 0 where it is worse than a constant answer.
Score = Annotated[float, Field(le=1, allow_inf_nan=False)]
Positive = Annotated[float, Field(gt=0, allow_inf_nan=False)]
NotNegative = Annotated[float, Field(ge=0, allow_inf_nan=False)]
Finite = Annotated[float, Field(allow_inf_nan=False)]
Count = Annotated[int, Field(ge=0)]
AtLeastOne = Annotated[int, Field(ge=1)]
Interval = Annotated[tuple[Positive, Positive], AfterValidator(_ordered)]
Channels = Annotated[str, Field(pattern=r"^\d+->\d+$")]

#: A misspelt key must not silently become a missing value.
EXACT = ConfigDict(extra="forbid")
