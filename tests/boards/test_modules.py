import lzma
from pathlib import Path

from edgeprune.boards.modules import modules


def module(folder: Path, name: str, depends: str, *, packed: bool = False) -> None:
    content = b"\x7fELF\0license=GPL\0depends=" + depends.encode() + b"\0name=" + name.encode()
    folder.mkdir(parents=True, exist_ok=True)
    if packed:
        (folder / f"{name}.ko.xz").write_bytes(lzma.compress(content))
    else:
        (folder / f"{name}.ko").write_bytes(content)


def test_what_a_module_needs_comes_first_and_once(tmp_path: Path) -> None:
    module(tmp_path / "net", "virtio_net", "net_failover,virtio,virtio_ring")
    module(tmp_path / "net", "net_failover", "failover")
    module(tmp_path / "core", "failover", "")
    module(tmp_path / "virtio", "virtio", "virtio_ring")
    module(tmp_path / "virtio", "virtio_ring", "")
    module(tmp_path / "virtio", "unasked", "virtio")
    found = list(modules(tmp_path, ["virtio_net", "built_in", "virtio"]))
    assert found == ["failover", "net_failover", "virtio_ring", "virtio", "virtio_net"]


def test_packed_modules_are_unpacked_and_dashes_are_underscores(tmp_path: Path) -> None:
    module(tmp_path, "virtio-rng", "", packed=True)
    assert modules(tmp_path, ["virtio_rng"])["virtio_rng"].startswith(b"\x7fELF")
