"""A TVM library on disk: ``NAME.so``, and its description ``NAME.so.json``.

The library needs TVM's runtime alone. The description tells what it was compiled for and by, what
it takes, which kernels are not tuned, and its checksum: half a library would end the process
that loads it. Opening a library runs its code: open none that you would not run.
"""

import hashlib
import json
import platform
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from edgeprune.devices.tvm import require_tvm
from edgeprune.devices.tvm.library import pack
from edgeprune.devices.worker.failures import BuildFailed
from edgeprune.devices.worker.tvm_runtime import Runtime, machine_of, unpack
from edgeprune.errors import VerificationError
from edgeprune.export.verification import Given, Runner, one_input

#: End of the description's name, after the library's.
DESCRIPTION = ".json"


@dataclass(frozen=True)
class TvmLint:
    """What the description of a library tells.

    Attributes:
        machine: the processor that it is for.
        tvm: the version that compiled it.
        kernels: how many it has.
        untuned: names of those without a tuned schedule.
        transposes: calls of kernels that only change the layout of a tensor.
        precision: of the network that it was compiled from.
    """

    machine: str
    tvm: str
    kernels: int
    untuned: tuple[str, ...]
    transposes: int
    precision: str

    def warnings(self) -> list[str]:
        """One sentence for each thing that may cost time or portability."""
        found = []
        if self.untuned:
            count = f"{len(self.untuned)} of {self.kernels} kernels"
            found.append(f"{count} are not tuned: they may be 50 to 100 times slower than tuned")
        if self.transposes:
            found.append(f"{self.transposes} calls of kernels that only transpose a tensor")
        if self.precision == "int8":
            found.append("TVM widens int8 to float32 before it multiplies: nothing is saved by it")
        return found

    def to_json(self) -> dict[str, Any]:
        """Plain values for the manifest."""
        return {**vars(self), "untuned": list(self.untuned), "warnings": self.warnings()}


def described(packed: bytes, more: Mapping[str, Any]) -> tuple[bytes, bytes]:
    """A compiled artifact as library and description.

    Args:
        packed: what `edgeprune.devices` sends to a device.
        more: what the description tells beside.
    """
    header, library = unpack(packed)
    checksum = hashlib.sha256(library).hexdigest()
    description = {**header, **more, "bytes": len(library), "sha256": checksum}
    return library, (json.dumps(description, indent=2) + "\n").encode()


def packed(path: Path) -> bytes:
    """What a device is sent of a library.

    Raises:
        VerificationError: the library or its description is missing or damaged.
    """
    found, library = _read(path)
    return pack(
        library,
        version=found["tvm"],
        inputs=found["inputs"],
        kernels=found["kernels"],
        untuned=found["untuned"],
        planned_bytes=int(found.get("planned_bytes", 0)),
    )


def lint_library(path: Path) -> TvmLint:
    """Look a library over by its description.

    Raises:
        VerificationError: the library or its description is missing or damaged.
    """
    found, _ = _read(path)
    return TvmLint(
        machine=found["machine"],
        tvm=found["tvm"],
        kernels=int(found["kernels"]),
        untuned=tuple(found["untuned"]),
        transposes=int(found.get("transposes", 0)),
        precision=str(found.get("precision", "float32")),
    )


def library_runner(path: Path) -> Runner:
    """Open a library in TVM's runtime; images go through it one by one.

    Raises:
        TargetError: TVM is not installed.
        VerificationError: the library is damaged, or for another processor or TVM.
    """
    tvm = require_tvm()
    content = packed(path)
    try:
        main = Runtime({"threads": 1}).load(content)[1]
    except BuildFailed as error:
        msg = f"{path} cannot be run here: {error}"
        raise VerificationError(msg) from error
    (entry,) = unpack(content)[0]["inputs"]
    shape, device = tuple(entry["shape"]), tvm.cpu()

    def run(given: Given) -> list[NDArray[Any]]:
        images = one_input(given, "TVM")
        if (1, *images.shape[1:]) != shape:
            msg = f"{path} takes {shape}; the images are {(1, *images.shape[1:])}"
            raise VerificationError(msg)
        found = []
        for image in images:
            try:
                output = main(tvm.runtime.tensor(np.ascontiguousarray(image[None]), device))
            except Exception as error:  # whatever a library of another maker raises
                msg = f"{path} does not run: {error}"
                raise VerificationError(msg) from error
            several = [output] if hasattr(output, "numpy") else list(output)
            found.append([one.numpy() for one in several])
        return [np.concatenate(parts) for parts in zip(*found, strict=True)]

    return run


def is_foreign(packed_library: bytes) -> bool:
    """Whether a compiled artifact is for another processor than this machine's."""
    return machine_of(unpack(packed_library)[1]) != platform.machine()


def _read(path: Path) -> tuple[dict[str, Any], bytes]:
    beside = path.with_name(path.name + DESCRIPTION)
    library = path.read_bytes()
    try:
        found: dict[str, Any] = json.loads(beside.read_text("utf-8"))
        wanted = {"tvm", "machine", "inputs", "kernels", "untuned", "sha256", "bytes"}
        missing = sorted(wanted - found.keys())
    except OSError as error:
        msg = f"{path} lacks its description {beside.name}, which was written beside it"
        raise VerificationError(msg) from error
    except (ValueError, AttributeError) as error:
        msg = f"{beside} is no description of a TVM library: {error}"
        raise VerificationError(msg) from error
    if missing:
        msg = f"{beside} is no description of a TVM library: it lacks {', '.join(missing)}"
        raise VerificationError(msg)
    if hashlib.sha256(library).hexdigest() != found["sha256"]:
        cut = f"{len(library)} bytes, described are {found['bytes']}"
        msg = f"{path} is damaged, or another library than {beside.name} describes ({cut})"
        raise VerificationError(msg)
    return found, library
