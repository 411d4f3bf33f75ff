"""What a build says of itself: its files, and how its programs did here."""

from pathlib import Path
from typing import Any, Self

from pydantic import BaseModel, model_serializer
from pydantic import SerializerFunctionWrapHandler as Handler

from edgeprune.deploy.elf import ElfFacts
from edgeprune.export.manifest import FileEntry
from edgeprune.files import sha256


class BuiltFor(BaseModel):
    """The device: as its profile has it, and the toolchain's architecture."""

    name: str
    architecture: str
    cpu: str | None
    glibc: str | None


class KernelsBuilt(BaseModel):
    """TVM's kernels.

    Attributes:
        target: as TVM is given it.
        kernels: how many.
        untuned: names of those that the device's database does not know.
        memory_bytes: that activations need.
    """

    target: dict[str, Any]
    kernels: int
    untuned: tuple[str, ...]
    memory_bytes: int


class RunnerTried(BaseModel):
    """How a program did beside this machine.

    Attributes:
        max_abs_difference: of its outputs to this machine's.
        tolerance: that it was held to.
        not_run: why it was not tried.
    """

    max_abs_difference: float | None = None
    tolerance: float | None = None
    not_run: str | None = None

    @model_serializer(mode="wrap")
    def _said(self, handler: Handler) -> dict[str, Any]:
        return {key: value for key, value in handler(self).items() if value is not None}


class ProductFile(FileEntry):
    """A file of the build.

    Attributes:
        elf: what a program or a library needs.
        compiled_for: the processor and its features that it was compiled for: 64-bit files do not
            tell the features that their instructions need.
    """

    elf: ElfFacts | None = None
    compiled_for: dict[str, Any] | None = None

    @classmethod
    def of(cls, path: Path, elf: ElfFacts | None, compiled_for: dict[str, Any] | None) -> Self:
        """The entry of a file on disk."""
        size = path.stat().st_size
        return cls(sha256=sha256(path), bytes=size, elf=elf, compiled_for=compiled_for)

    @model_serializer(mode="wrap")
    def _said(self, handler: Handler) -> dict[str, Any]:
        said: dict[str, Any] = handler(self)
        if self.elf is None:
            return {"sha256": self.sha256, "bytes": self.bytes}
        return said | {"elf": self.elf.to_json()}


class BuildManifest(BaseModel):
    """What a build is, and what it holds.

    Attributes:
        edgeprune: the version that built it.
        target: the device.
        run: the bundle's files.
        kernels: TVM's, where it compiled the model.
        runners: how each program did.
        skipped: programs that were not built, and why.
        files: all of it.
    """

    edgeprune: str
    target: BuiltFor
    run: dict[str, FileEntry]
    kernels: KernelsBuilt | None = None
    runners: dict[str, RunnerTried]
    skipped: dict[str, str]
    files: dict[str, ProductFile]

    def to_json(self) -> dict[str, Any]:
        """As it stands in the file; a model that TVM did not compile has no ``kernels``."""
        leave = {"kernels"} if self.kernels is None else None
        return self.model_dump(mode="json", exclude=leave)
