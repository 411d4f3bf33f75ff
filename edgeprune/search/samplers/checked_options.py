"""What a sampler's options have in common: they come from a pipeline file, and are checked."""

from collections.abc import Mapping
from typing import Annotated, Any, ClassVar, Self

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from edgeprune.config.schema import find
from edgeprune.errors import SearchError, nearest

Count = Annotated[int, Field(ge=1, le=10**7)]
Rate = Annotated[float, Field(gt=0, le=1)]
#: Widths of a network's hidden layers.
Sizes = Annotated[tuple[Count, ...], Field(min_length=1, strict=False)]


class CheckedOptions(BaseModel):
    """Numbers of a sampler, each with its range.

    Attributes:
        sampler: its name in a pipeline.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)
    sampler: ClassVar[str] = ""

    @classmethod
    def from_mapping(cls, options: Mapping[str, Any]) -> Self:
        """Options from a pipeline file.

        Raises:
            SearchError: an unknown option, or a value that is not allowed.
        """
        for name in options:
            if name not in cls.model_fields:
                msg = (
                    f"option {name!r} is unknown to sampler {cls.sampler!r}; allowed: "
                    f"{', '.join(cls.model_fields)}{nearest(name, cls.model_fields)}"
                )
                raise SearchError(msg)
        try:
            return cls(**options)
        except ValidationError as error:
            where = str(error.errors()[0]["loc"][0])
            allowed = find(cls, (where,)).expected
            msg = (
                f"option {where!r} of sampler {cls.sampler!r} is {options[where]!r}; "
                f"allowed: {allowed}"
            )
            raise SearchError(msg) from error
