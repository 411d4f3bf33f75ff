"""What a bundle's manifest says of its files, whoever reads it."""

from typing import Any

from pydantic import BaseModel, ConfigDict, Field


class FileEntry(BaseModel):
    """Checksum and size of one file."""

    sha256: str
    bytes: int = 0


class WrittenFile(BaseModel):
    """A bundle's file in another format or precision.

    Attributes:
        format: such as ``tflite``.
        precision: such as ``int8``.
        kept: whether it passed its gates.
        path: in the run directory; None where nothing was written.
        sha256: of the file.
    """

    model_config = ConfigDict(extra="allow")

    format: str
    precision: str = "float32"
    kept: bool
    path: str | None = None
    sha256: str | None = None


class BundleManifest(BaseModel):
    """What is needed to open a bundle.

    Attributes:
        files: the bundle's own files, by name.
        edgeprune: the version that wrote it.
        model: as a pipeline names it, without its weights.
        artifacts: other formats and precisions.
    """

    model_config = ConfigDict(extra="allow")

    files: dict[str, FileEntry]
    edgeprune: str = ""
    model: dict[str, Any] = Field(default_factory=dict)
    artifacts: tuple[WrittenFile, ...] = ()
