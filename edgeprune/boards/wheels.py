"""Python packages of another architecture, fetched with pip and unpacked."""

import importlib.util
import sys
import tempfile
import zipfile
from collections.abc import Iterable
from pathlib import Path

from edgeprune.boards.architecture import ARM64, Architecture
from edgeprune.boards.programs import run
from edgeprune.errors import TargetError


def check_pip() -> None:
    """Nothing, if this Python has pip.

    Raises:
        TargetError: it has not.
    """
    if importlib.util.find_spec("pip") is None:
        msg = (
            "wheels for a board are fetched with pip, which this Python lacks; "
            f"install: {sys.executable} -m ensurepip"
        )
        raise TargetError(msg)


def install(
    pinned: Iterable[str], python: str, site: Path, architecture: Architecture = ARM64
) -> None:
    """Unpack another architecture's wheels; pip's own configuration says from where.

    Args:
        pinned: packages with versions; what they depend on is not added.
        python: version of the Python that will import them: ``3.11``.
        site: the folder to unpack into; made where it is missing.
        architecture: of the processor.

    Raises:
        TargetError: there is no such wheel, or it cannot be fetched.
    """
    site.mkdir(parents=True, exist_ok=True)
    platforms = [part for name in architecture.wheel_platforms for part in ("--platform", name)]
    with tempfile.TemporaryDirectory(prefix=".wheels-", dir=site) as folder:
        run(
            [
                *(sys.executable, "-m", "pip", "download", "--quiet", "--no-deps"),
                *("--only-binary=:all:", "--implementation", "cp", "--python-version", python),
                *(*platforms, "--dest", folder, *pinned),
            ],
            f"fetching wheels for {architecture.name}",
        )
        for wheel in sorted(Path(folder).glob("*.whl")):
            with zipfile.ZipFile(wheel) as archive:
                archive.extractall(site)
