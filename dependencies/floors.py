"""Writes the lowest versions that pyproject.toml allows, as a constraints file for pip.

    python dependencies/floors.py > constraints-lowest.txt
    python dependencies/floors.py --keep torch torchvision > constraints-lowest.txt

Run by `make test-min`. What is kept stands at its version of constraints.txt instead: where no
other is at hand, torch's lowest build is one for CUDA, with gigabytes of libraries around it.
"""

import argparse
import sys
import tomllib
from collections.abc import Iterable, Iterator
from pathlib import Path

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name
from packaging.version import Version

ROOT = Path(__file__).parents[1]
#: Extras whose floors are tried too: what the tests import beside what is always there.
EXTRAS = ("bocr", "detection", "hf", "tflite", "timm")


def floors(lines: Iterable[str]) -> Iterator[tuple[str, str]]:
    """Name and lowest version of each requirement that has one.

    Args:
        lines: requirements, ``numpy>=1.26``.
    """
    for line in lines:
        wanted = Requirement(line)
        lowest = [Version(one.version) for one in wanted.specifier if one.operator in {">=", "=="}]
        if lowest:
            yield canonicalize_name(wanted.name), str(max(lowest))


def pinned(lines: Iterable[str]) -> dict[str, str]:
    """Versions of a constraints file by canonical name."""
    found = (line.split("#")[0].strip().partition("==") for line in lines)
    return {canonicalize_name(name): version for name, _, version in found if version}


def constraints(project: dict[str, object], locked: Iterable[str], keep: set[str]) -> Iterator[str]:
    """Lines of the constraints file."""
    extras = project["optional-dependencies"]
    wanted = [*project["dependencies"], *(one for name in EXTRAS for one in extras[name])]
    versions = pinned(locked)
    for name, lowest in floors(wanted):
        yield f"{name}=={versions[name] if name in keep else lowest}"


def main() -> None:
    """Print them."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--keep", nargs="*", default=[], help="stay at constraints.txt's version")
    keep = {canonicalize_name(name) for name in parser.parse_args().keep}
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    locked = (ROOT / "constraints.txt").read_text().splitlines()
    sys.stdout.writelines(f"{line}\n" for line in constraints(project, locked, keep))


if __name__ == "__main__":
    main()
