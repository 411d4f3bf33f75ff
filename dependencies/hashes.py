"""Writes constraints-hashes.txt: constraints.txt with the hashes of every file of each version.

    python dependencies/hashes.py constraints.txt constraints-hashes.txt

Run by `make lock`, for ``pip install --require-hashes -r constraints-hashes.txt``. Hashes come from
the package index that pip uses; its address is not written. A local build (``torch==2.13.0+cpu``)
is on no index: it is left out, and said so.
"""

import json
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

from packaging.utils import canonicalize_name

_HEAD = """\
# Written by `make lock` from constraints.txt, for this system and Python:
#   pip install --require-hashes --no-deps -r constraints-hashes.txt
"""


def downloads(lines: list[str]) -> dict[str, tuple[str, str]]:
    """Version and SHA-256 of what pip would fetch for each requirement, by canonical name.

    Raises:
        subprocess.CalledProcessError: an index lacks one of them; pip has said which.
    """
    with tempfile.TemporaryDirectory() as folder:
        wanted, path = Path(folder) / "wanted.txt", Path(folder) / "report.json"
        wanted.write_text("\n".join(lines), encoding="utf-8")
        words = ["install", "--dry-run", "--quiet", "--no-deps", "--ignore-installed"]
        files = ["--report", str(path), "--requirement", str(wanted)]
        subprocess.run(
            [sys.executable, "-m", "pip", *words, *files], check=True, stdout=subprocess.DEVNULL
        )
        found = json.loads(path.read_bytes())["install"]
    return {
        canonicalize_name(one["metadata"]["name"]): (
            one["metadata"]["version"],
            one["download_info"]["archive_info"]["hashes"]["sha256"],
        )
        for one in found
    }


def locked(lines: list[str], found: dict[str, tuple[str, str]]) -> Iterator[str]:
    """Each requirement with its hash, or a comment that says why there is none."""
    for line in lines:
        version, sha256 = found[canonicalize_name(line.partition("==")[0])]
        if "+" in version:
            yield f"# {line}: a local build ({version}), which no package index has"
        else:
            yield f"{line} --hash=sha256:{sha256}"


def main() -> None:
    """Read the first file, write the second."""
    source, output = map(Path, sys.argv[1:])
    wanted = [one.strip() for one in source.read_text(encoding="utf-8").splitlines()]
    lines = [one for one in wanted if one and not one.startswith("#")]
    written = locked(lines, downloads(lines))
    output.write_text(_HEAD + "".join(f"{one}\n" for one in written), encoding="utf-8")


if __name__ == "__main__":
    main()
