"""What a bundle's manifest says of its files, whoever reads it."""

from typing import Any

from pydantic import BaseModel, ConfigDict


class FileEntry(BaseModel):
    """Checksum and size of one file."""

    sha256: str
    bytes: int


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
    precision: str
    kept: bool
    path: str | None
    sha256: str | None


class BundleManifest(BaseModel):
    """What is needed to open a bundle.

    Attributes:
        edgeprune: the version that wrote it.
        model: as a pipeline names it, without its weights.
        files: the bundle's own files, by name.
        artifacts: other formats and precisions.
    """

    model_config = ConfigDict(extra="allow")

    edgeprune: str
    model: dict[str, Any]
    files: dict[str, FileEntry]
    artifacts: tuple[WrittenFile, ...] = ()
