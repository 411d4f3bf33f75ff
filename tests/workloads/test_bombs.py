"""Files that stand for far more than they are: refused by a limit that the message tells."""

import bz2
import io
import struct
import tarfile
import zipfile
import zlib
from pathlib import Path

import pytest
import torch

from edgeprune.errors import WorkloadError
from edgeprune.workloads import archive
from edgeprune.workloads.archive import unpacked
from edgeprune.workloads.decoding import MOST_PIXELS, decode, read_size
from edgeprune.workloads.weights import read_weights


@pytest.fixture
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("EDGEPRUNE_CACHE", str(tmp_path / "cache"))
    return tmp_path / "cache/unpacked"


class _Zeros(io.RawIOBase):
    def read(self, size: int = -1) -> bytes:
        return bytes(size)


def _tar(path: Path, mode: str, size: int, kind: bytes = tarfile.REGTYPE) -> Path:
    with tarfile.open(path, mode) as tar:
        member = tarfile.TarInfo("train/cat/a.png")
        member.size, member.type = size, kind
        tar.addfile(member, _Zeros())
    return path


@pytest.mark.parametrize("kind", [tarfile.REGTYPE, tarfile.XHDTYPE, tarfile.GNUTYPE_LONGNAME])
@pytest.mark.parametrize("compression", ["gz", "bz2", "xz"])
def test_an_archive_that_unpacks_to_far_more_is_refused(
    compression: str, kind: bytes, tmp_path: Path, cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(archive, "ALLOWANCE", 2 << 20)
    bomb = _tar(tmp_path / f"b.tar.{compression}", f"w:{compression}", 9 << 20, kind)
    assert bomb.stat().st_size < 100_000
    with pytest.raises(WorkloadError, match=r"unpack to more than [0-9,]+; .*unpack it yourself"):
        unpacked(bomb)
    assert not list(cache.iterdir())


def test_many_empty_files_count_too(
    tmp_path: Path, cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(archive, "ALLOWANCE", 100 << 10)
    with tarfile.open(tmp_path / "many.tar.xz", "w:xz") as tar:
        for number in range(600):
            tar.addfile(tarfile.TarInfo(f"train/cat/{number}"))
    with pytest.raises(WorkloadError, match="unpack to more than"):
        unpacked(tmp_path / "many.tar.xz")


def test_a_large_archive_of_what_does_not_shrink_is_unpacked(
    tmp_path: Path, cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(archive, "ALLOWANCE", 1 << 20)
    found = unpacked(_tar(tmp_path / "large.tar", "w", 9 << 20))
    assert (found / "train/cat/a.png").stat().st_size == 9 << 20


@pytest.mark.parametrize(
    ("kind", "target"),
    [
        (tarfile.SYMTYPE, "/etc/passwd"),
        (tarfile.SYMTYPE, "../../../outside"),
        (tarfile.LNKTYPE, "../../outside"),
        (tarfile.CHRTYPE, ""),
    ],
)
def test_links_and_devices_that_lead_out_are_refused(
    kind: bytes, target: str, tmp_path: Path, cache: Path
) -> None:
    with tarfile.open(tmp_path / "evil.tar", "w") as tar:
        member = tarfile.TarInfo("train/cat/a.png")
        member.type, member.linkname = kind, target
        tar.addfile(member)
    with pytest.raises(WorkloadError, match=r"evil\.tar is refused"):
        unpacked(tmp_path / "evil.tar")


def test_a_damaged_block_is_no_full_disk(tmp_path: Path, cache: Path) -> None:
    content = bytearray(bz2.compress(bytes(range(256)) * 400))
    content[len(content) // 2] ^= 255
    (tmp_path / "d.tar.bz2").write_bytes(content)
    with pytest.raises(WorkloadError, match=r"d\.tar\.bz2 is damaged or no tar archive"):
        unpacked(tmp_path / "d.tar.bz2")


def _png(path: Path, width: int, height: int) -> Path:
    """Black pixels, one bit each."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        return (
            struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))
        )

    squeeze = zlib.compressobj(9)
    row = bytes(width // 8 + 2)
    body = b"".join(squeeze.compress(row) for _ in range(height)) + squeeze.flush()
    header = struct.pack(">IIBBBBB", width, height, 1, 0, 0, 0, 0)
    parts = (chunk(b"IHDR", header), chunk(b"IDAT", body), chunk(b"IEND", b""))
    path.write_bytes(b"\x89PNG\r\n\x1a\n" + b"".join(parts))
    return path


@pytest.mark.filterwarnings("ignore::PIL.Image.DecompressionBombWarning")
@pytest.mark.parametrize("look", [decode, read_size])
def test_twenty_kilobytes_of_png_that_take_a_gigabyte(look: object, tmp_path: Path) -> None:
    bomb = _png(tmp_path / "bomb.png", 13_000, 13_000)
    assert bomb.stat().st_size < 21_000
    with pytest.raises(
        WorkloadError, match=r"bomb\.png.*13,000 x 13,000 pixels; allowed: at most 64,000,000"
    ):
        look(bomb)  # type: ignore[operator]
    assert MOST_PIXELS == 64_000_000


def test_a_file_that_would_start_a_program_is_no_image(tmp_path: Path) -> None:
    """Pillow gives PostScript to Ghostscript, whatever the file is called."""
    path = tmp_path / "cat.png"
    path.write_bytes(b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\n%%EndComments\n%%EOF\n")
    with pytest.raises(WorkloadError, match=r"cat\.png cannot be read: cannot identify"):
        decode(path)


def test_one_number_that_is_read_as_a_billion(tmp_path: Path) -> None:
    torch.save({"weight": torch.zeros(1).expand(10**9)}, tmp_path / "w.pt")
    with pytest.raises(WorkloadError, match=r"w\.pt is refused: its [0-9,]+ bytes stand for 4,000"):
        read_weights(tmp_path / "w.pt")


def test_a_checkpoint_that_unpacks_to_far_more(tmp_path: Path) -> None:
    torch.save({"weight": torch.zeros(10 << 20)}, tmp_path / "w.pt")
    with (
        zipfile.ZipFile(tmp_path / "w.pt") as plain,
        zipfile.ZipFile(tmp_path / "z.pt", "w", zipfile.ZIP_DEFLATED) as packed,
    ):
        for entry in plain.infolist():
            packed.writestr(entry.filename, plain.read(entry))
    with pytest.raises(WorkloadError, match=r"z\.pt is refused: its [0-9,]+ bytes stand for 41,9"):
        read_weights(tmp_path / "z.pt")
    assert read_weights(tmp_path / "w.pt")["weight"].shape == (10 << 20,)
