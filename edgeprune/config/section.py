"""What all sections of our YAML files have in common, and the field types they share."""

from pathlib import Path
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field

#: Largest seed that numpy, torch and Optuna all take.
LARGEST_SEED = 2**32 - 1

#: A file or folder. In YAML files relative paths are relative to that file, ``~`` and ``${VAR}``
#: are expanded, and what arrives here is absolute.
FilePath = Annotated[Path, Field(strict=False)]

#: Any number of texts; a YAML list.
Texts = Annotated[tuple[str, ...], Field(strict=False)]


class Section(BaseModel):
    """A section of a YAML file: immutable, no unknown keys, no silent conversions.

    Every field carries a description; the schema reference is made from those.
    """

    model_config = ConfigDict(
        frozen=True,
        extra="forbid",
        strict=True,
        allow_inf_nan=False,
    )
