"""The file that is sent to a device: a shared library, and what it takes to run it."""

import io
import json
import zipfile
from collections.abc import Mapping, Sequence
from typing import Any

from edgeprune.devices.tvm.host import machine_of_target
from edgeprune.devices.worker.failures import BuildFailed
from edgeprune.devices.worker.tvm_runtime import HEADER, LIBRARY, machine_of, unpack
from edgeprune.errors import TargetError

__all__ = ["checked_machine", "header_of", "pack"]


def pack(
    library: bytes,
    *,
    version: str,
    inputs: Sequence[Mapping[str, Any]],
    kernels: int,
    untuned: Sequence[str],
    planned_bytes: int,
) -> bytes:
    """Put a library and its description into one file; equal contents give equal bytes.

    Args:
        library: the ELF file.
        version: of the TVM that compiled it.
        inputs: name, shape and dtype of each input, in order.
        kernels: how many it has.
        untuned: names of those without a tuned schedule.
        planned_bytes: of the storages that TVM has planned for activations.
    """
    header = {
        "tvm": version,
        "machine": machine_of(library),
        "inputs": [dict(one) for one in inputs],
        "kernels": kernels,
        "untuned": list(untuned),
        "planned_bytes": planned_bytes,
    }
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as archive:
        for name, content in ((HEADER, json.dumps(header).encode()), (LIBRARY, library)):
            # A ZipInfo without a date has the same one always.
            archive.writestr(zipfile.ZipInfo(name), content)
    return file.getvalue()


def header_of(artifact: bytes) -> dict[str, Any]:
    """What `pack` wrote beside the library.

    Raises:
        TargetError: it is no such file.
    """
    try:
        return unpack(artifact)[0]
    except BuildFailed as error:
        raise TargetError(str(error)) from error


def checked_machine(library: bytes, target: Mapping[str, object], compiler: str) -> None:
    """Check that a library is for the processor that its target names.

    Raises:
        TargetError: the compiler linked for another one.
    """
    found, wanted = machine_of(library), machine_of_target(target)
    if wanted is not None and found != wanted:
        msg = (
            f"the library is for {found}, and its target {target.get('mtriple')!r} is {wanted}: "
            f"{compiler!r} is the wrong compiler (tvm.cross_compiler in the profile)"
        )
        raise TargetError(msg)
