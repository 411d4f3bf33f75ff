"""What a sampler's options have in common: they come from a pipeline file, and are checked."""

from collections.abc import Mapping
from typing import Any, ClassVar, Self

from pydantic import BaseModel, ConfigDict, ValidationError

from edgeprune.errors import SearchError, nearest


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
            first = error.errors()[0]
            where = first["loc"][0] if first["loc"] else "options"
            value = first["input"] if first["loc"] else dict(options)
            msg = f"option {where!r} of sampler {cls.sampler!r} is {value!r}: {first['msg']}"
            raise SearchError(msg) from error
