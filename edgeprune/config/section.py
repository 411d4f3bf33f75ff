"""What all sections of our YAML files have in common, and the field types they share."""

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field

#: Largest seed that numpy, torch and Optuna all take.
LARGEST_SEED = 2**32 - 1

#: A file or folder. In YAML files relative paths are relative to that file, ``~`` and ``${VAR}``
#: are expanded, and what arrives here is absolute.
FilePath = Annotated[Path, Field(strict=False)]


@dataclass(frozen=True)
class FolderAfter:
    """Annotates text that may be a prefix and a folder: ``hf:./mine``.

    The folder is treated like a `FilePath`.
    """

    prefix: str

    def folder(self, text: str) -> str | None:
        """The folder, as it is written; None where the text is something else."""
        rest = text.removeprefix(self.prefix)
        is_folder = text.startswith(self.prefix) and rest.startswith((".", "/", "~", "${"))
        return rest if is_folder else None


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
