"""Python packages of another architecture, fetched with pip and unpacked."""

import importlib.util
import sys
import tempfile
import zipfile
from collections.abc import Iterable
from pathlib import Path

from edgeprune.boards.programs import run
from edgeprune.errors import TargetError

#: Wheels for these glibc versions run on Debian 12 (2.36) and later.
_PLATFORMS = (
    "manylinux2014_aarch64",
    *(f"manylinux_2_{minor}_aarch64" for minor in (17, 24, 27, 28, 31, 34, 35, 36)),
)


def check_pip() -> None:
    """Nothing, if this Python has pip.

    Raises:
        TargetError: it has not.
    """
    if importlib.util.find_spec("pip") is None:
        msg = (
            "wheels for arm64 are fetched with pip, which this Python lacks; "
            f"install: {sys.executable} -m ensurepip"
        )
        raise TargetError(msg)


def install(pinned: Iterable[str], python: str, site: Path) -> None:
    """Unpack wheels for 64-bit ARM; pip's own configuration says from where.

    Args:
        pinned: packages with versions; what they depend on is not added.
        python: version of the Python that will import them: ``3.11``.
        site: the folder to unpack into; made where it is missing.

    Raises:
        TargetError: there is no such wheel, or it cannot be fetched.
    """
    site.mkdir(parents=True, exist_ok=True)
    platforms = [part for name in _PLATFORMS for part in ("--platform", name)]
    with tempfile.TemporaryDirectory(prefix=".wheels-", dir=site) as folder:
        run(
            [
                *(sys.executable, "-m", "pip", "download", "--quiet", "--no-deps"),
                *("--only-binary=:all:", "--implementation", "cp", "--python-version", python),
                *(*platforms, "--dest", folder, *pinned),
            ],
            "fetching wheels for arm64",
        )
        for wheel in sorted(Path(folder).glob("*.whl")):
            with zipfile.ZipFile(wheel) as archive:
                archive.extractall(site)
