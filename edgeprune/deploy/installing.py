"""The script that lays the products down on a device."""

import shlex
from collections.abc import Sequence
from pathlib import Path

from edgeprune.config import TargetConfig
from edgeprune.deploy.elf import ElfFacts, older
from edgeprune.deploy.toolchains import Toolchain, runner_sources
from edgeprune.files import sha256

SCRIPT, CHECKSUMS, SETTINGS = "install.sh", "SHA256SUMS", "install.conf"
#: What is not laid down on the device.
_LEFT = ("src", SCRIPT, CHECKSUMS, SETTINGS)


def write_installer(
    folder: Path,
    target: TargetConfig,
    toolchain: Toolchain,
    facts: dict[str, ElfFacts],
    programs: Sequence[str],
) -> None:
    """Write ``install.sh``, its settings, and the checksums that it holds the files against.

    Args:
        folder: of the products, which are all there.
        target: the device's profile.
        toolchain: of its architecture.
        facts: what each product needs.
        programs: names of the runners, the preferred one first.
    """
    needed = ""
    for one in facts.values():
        if one.glibc and (not needed or older(needed, one.glibc)):
            needed = one.glibc
    settings = {
        "TARGET": target.name,
        "ARCHITECTURE": toolchain.architecture,
        "GLIBC": needed,
        "RUNNERS": " ".join(programs),
    }
    lines = [f"{name}={shlex.quote(value)}\n" for name, value in settings.items()]
    (folder / SETTINGS).write_text("".join(lines), encoding="utf-8")
    script = folder / SCRIPT
    script.write_bytes((runner_sources() / SCRIPT).read_bytes())
    script.chmod(0o755)
    sums = [
        f"{sha256(path)}  {path.relative_to(folder).as_posix()}\n"
        for path in sorted(folder.rglob("*"))
        if path.is_file() and path.relative_to(folder).parts[0] not in _LEFT
    ]
    (folder / CHECKSUMS).write_text("".join(sums), encoding="utf-8")
