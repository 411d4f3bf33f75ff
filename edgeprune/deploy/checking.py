"""Does a product fit the device that it was built for?"""

from pathlib import Path

from edgeprune.config import TargetConfig
from edgeprune.deploy.elf import ElfFacts, elf_facts, is_elf, older
from edgeprune.errors import TargetError


def check_products(folder: Path, target: TargetConfig, architecture: str) -> dict[str, ElfFacts]:
    """Hold every program and library below a folder against a profile.

    Args:
        folder: what was built.
        target: the profile; its glibc is the device's.
        architecture: what the products have to be for.

    Returns:
        What each needs, by its path inside the folder.

    Raises:
        TargetError: one is for another machine, or needs a newer glibc than the device has.
    """
    found = {}
    for path in sorted(folder.rglob("*")):
        if path.is_file() and not path.is_symlink() and is_elf(path):
            name = path.relative_to(folder).as_posix()
            facts = elf_facts(path)
            check_product(name, facts, target, architecture)
            found[name] = facts
    return found


def check_product(name: str, facts: ElfFacts, target: TargetConfig, architecture: str) -> None:
    """Hold one product against a profile.

    Raises:
        TargetError: it is for another machine, or needs a newer glibc than the device has.
    """
    if facts.machine != architecture:
        msg = (
            f"{name} is for {facts.machine}, and {target.name!r} is {architecture}: a compiler or "
            "a library of the wrong machine was used (tvm.cross_compiler in the profile?)"
        )
        raise TargetError(msg)
    if target.glibc is not None and facts.glibc and older(target.glibc, facts.glibc):
        msg = (
            f"{name} needs glibc {facts.glibc}, and {target.name!r} has {target.glibc} (glibc in "
            "its profile): it would not start there. Build with --runner compiled, which needs no "
            "library of the device, or on a system as old as the device's"
        )
        raise TargetError(msg)
