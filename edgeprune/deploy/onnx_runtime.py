"""ONNX Runtime's library for a device, out of the wheels."""

import os
import re
import shutil
import sys
import tempfile
from collections.abc import Callable
from importlib import metadata, util
from pathlib import Path

from edgeprune.boards import wheels
from edgeprune.boards.store import made_once
from edgeprune.deploy.toolchains import Toolchain
from edgeprune.devices.artifacts import Note
from edgeprune.errors import TargetError

#: Environment variable: a library of your own, such as one built for the device with TensorRT.
LIBRARY_VARIABLE = "EDGEPRUNE_ONNXRUNTIME_LIBRARY"
#: Name that programs ask for.
LIBRARY = "libonnxruntime.so.1"
_NAME = re.compile(r"libonnxruntime\.so\.\d+\.\d+\.\d+")


class NoLibrary(TargetError):
    """There is no ONNX Runtime for the architecture."""


def runtime_library(toolchain: Toolchain, note: Note) -> Path:
    """ONNX Runtime's shared library for an architecture, in this machine's version.

    A model that this machine's version opens is then one that the device's opens.

    Args:
        toolchain: of the architecture.
        note: told before something is fetched.

    Raises:
        NoLibrary: its makers give none out for this architecture.
        TargetError: it cannot be fetched, or the one chosen with `LIBRARY_VARIABLE` is not there.
    """
    if chosen := os.environ.get(LIBRARY_VARIABLE):
        if not Path(chosen).is_file():
            msg = f"{LIBRARY_VARIABLE} is {chosen!r}: there is no such file"
            raise TargetError(msg)
        return Path(chosen)
    version = metadata.version("onnxruntime")
    if toolchain.native:
        package = util.find_spec("onnxruntime")
        return _library_in(Path(str(package and package.origin)).parent)
    if toolchain.architecture != "aarch64":
        msg = f"there is no ONNX Runtime wheel for {toolchain.architecture}"
        raise NoLibrary(msg)
    name = f"onnxruntime-{toolchain.architecture}-{version}"
    return made_once(name, _fetch(version, note), note) / LIBRARY


def _fetch(version: str, note: Note) -> Callable[[Path], None]:
    def fetch(folder: Path) -> None:
        note(f"fetching ONNX Runtime {version} for arm64")
        python = f"{sys.version_info.major}.{sys.version_info.minor}"
        with tempfile.TemporaryDirectory(prefix=".wheel-", dir=folder) as site:
            wheels.check_pip()
            wheels.install([f"onnxruntime=={version}"], python, Path(site))
            shutil.copyfile(_library_in(Path(site) / "onnxruntime"), folder / LIBRARY)

    return fetch


def _library_in(package: Path) -> Path:
    for path in sorted((package / "capi").glob("libonnxruntime.so.*")):
        if _NAME.fullmatch(path.name):
            return path
    msg = f"the wheel in {package} has no libonnxruntime.so of its own (it needs 1.31 or later)"
    raise NoLibrary(msg)
