import io
import os
import shutil
import subprocess
from pathlib import Path

import pytest

from edgeprune.boards.cpio import Archive

FIELDS = (
    *("inode", "mode", "uid", "gid", "links", "time", "size"),
    *("major", "minor", "device_major", "device_minor", "name_size", "check"),
)


def entries(data: bytes) -> dict[str, tuple[dict[str, int], bytes]]:
    """Read an archive as the kernel's documentation describes it."""
    found, at = {}, 0
    while True:
        assert data[at : at + 6] == b"070701" and at % 4 == 0
        numbers = [int(data[at + 6 + 8 * i : at + 14 + 8 * i], 16) for i in range(13)]
        header = dict(zip(FIELDS, numbers, strict=True))
        name = data[at + 110 : at + 110 + header["name_size"] - 1].decode()
        start = (at + 110 + header["name_size"] + 3) // 4 * 4
        content = data[start : start + header["size"]]
        at = (start + header["size"] + 3) // 4 * 4
        if name == "TRAILER!!!":
            assert at == len(data)
            return found
        found[name] = (header, content)


def tree(folder: Path) -> Path:
    (folder / "etc").mkdir(parents=True)
    (folder / "etc/name").write_bytes(b"board")
    (folder / "run.sh").write_bytes(b"#!/bin/sh\n")
    (folder / "run.sh").chmod(0o755)
    (folder / "etc/name").chmod(0o644)
    (folder / "link").symlink_to("etc/name")
    (folder / "usr/share/doc").mkdir(parents=True)
    (folder / "usr/share/doc/long").write_bytes(b"unwanted")
    return folder


def written(folder: Path) -> bytes:
    file = io.BytesIO()
    archive = Archive(file)
    archive.add_tree(folder, lambda name: name != "usr/share/doc")
    archive.add_device("console", 5, 1)
    archive.close()
    return file.getvalue()


def test_files_links_and_devices_come_back(tmp_path: Path) -> None:
    found = entries(written(tree(tmp_path / "tree")))
    assert list(found) == ["etc", "etc/name", "link", "run.sh", "usr", "usr/share", "console"]
    assert found["etc/name"][1] == b"board" and found["etc/name"][0]["mode"] == 0o100644
    assert found["run.sh"][0]["mode"] == 0o100755
    assert found["link"][1] == b"etc/name" and found["link"][0]["mode"] == 0o120777
    assert found["etc"][0]["mode"] & 0o170000 == 0o040000
    console = found["console"][0]
    assert (console["mode"], console["device_major"], console["device_minor"]) == (0o020600, 5, 1)
    assert all(header["uid"] == header["gid"] == 0 for header, _ in found.values())
    assert len({header["inode"] for header, _ in found.values()}) == len(found)


def test_equal_trees_give_equal_archives(tmp_path: Path) -> None:
    first, second = tree(tmp_path / "first"), tree(tmp_path / "second")
    os.utime(second / "run.sh", (1, 1))
    assert written(first) == written(second)


@pytest.mark.skipif(shutil.which("cpio") is None, reason="the cpio program is not installed")
def test_the_cpio_program_reads_it(tmp_path: Path) -> None:
    listing = subprocess.run(
        ["cpio", "-itv", "--quiet"],
        input=written(tree(tmp_path / "tree")),
        capture_output=True,
        check=True,
    )
    lines = listing.stdout.decode().splitlines()
    assert listing.stderr == b""
    assert len(lines) == 7
    assert lines[2].endswith("link -> etc/name") and lines[6].startswith("crw-------")
