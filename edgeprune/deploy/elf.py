"""What an ELF file needs of the machine that it runs on; read with pyelftools."""

import importlib
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from edgeprune.errors import TargetError

#: ELF's name of a machine -> a profile's.
_MACHINES = {"EM_X86_64": "x86_64", "EM_AARCH64": "aarch64", "EM_ARM": "armv7l"}
#: Prefix of a symbol's version -> the library whose version it is.
_VERSIONED = ("GLIBC", "GLIBCXX", "CXXABI", "GCC")
#: Build attributes of 32-bit ARM (ABI for the ARM architecture, addenda) that ask for features.
_ARM_FEATURES = {
    "TAG_CPU_ARCH": {10: "armv7", 14: "armv8"},
    "TAG_FP_ARCH": {3: "vfpv3", 4: "vfpv3-d16", 5: "vfpv4", 6: "vfpv4-d16", 7: "fp-armv8"},
    "TAG_ADVANCED_SIMD_ARCH": {1: "neon", 2: "neon-fma", 3: "neon-armv8"},
    "TAG_ABI_VFP_ARGS": {1: "hard-float"},
}


@dataclass(frozen=True)
class ElfFacts:
    """What a program or a library needs.

    Attributes:
        machine: as a profile names architectures.
        bits: of its addresses.
        kind: ``program``, ``library`` or ``object``.
        static: whether it is a program that loads no library.
        libraries: names of those that it loads.
        versions: newest version that it asks of each versioned library, such as
            ``{"GLIBC": "2.34"}``.
        features: of the processor, as far as the file tells: 32-bit ARM's does, other files say
            nothing.
    """

    machine: str
    bits: int
    kind: str
    static: bool
    libraries: tuple[str, ...]
    versions: dict[str, str]
    features: tuple[str, ...]

    @property
    def glibc(self) -> str | None:
        """The oldest glibc that it runs with; None: any, or none at all."""
        return self.versions.get("GLIBC")

    def to_json(self) -> dict[str, Any]:
        """Plain values for a manifest."""
        plain = {"libraries": list(self.libraries), "features": list(self.features)}
        return {**asdict(self), **plain, "glibc": self.glibc}


def is_elf(path: Path) -> bool:
    """Whether a file says of itself that it is ELF."""
    with path.open("rb") as file:
        return file.read(4) == b"\x7fELF"


def require_elftools() -> None:
    """Nothing, if pyelftools, which the extra `boards` brings, can be imported.

    Raises:
        TargetError: it cannot.
    """
    try:
        importlib.import_module("elftools.elf.elffile")
    except ImportError as error:
        msg = (
            f"building for a board needs an extra ({error}); "
            "install it: pip install 'edgeprune[boards]'"
        )
        raise TargetError(msg) from error


def elf_facts(path: Path) -> ElfFacts:
    """Read what an ELF file needs.

    Args:
        path: a program, a shared library or an object file.

    Raises:
        TargetError: pyelftools is not installed, or the file is damaged.
    """
    require_elftools()
    from elftools.common.exceptions import ELFError
    from elftools.construct import ConstructError
    from elftools.elf.elffile import ELFFile

    with path.open("rb") as file:
        try:
            return _facts(ELFFile(file))
        except (ELFError, ConstructError, ValueError, KeyError) as error:
            msg = f"{path} is no whole ELF file: {error or type(error).__name__}"
            raise TargetError(msg) from error


def older(version: str, than: str) -> bool:
    """Whether a version such as ``2.9`` is older than another such as ``2.34``."""
    return _numbers(version) < _numbers(than)


def _facts(elf: Any) -> ElfFacts:
    kinds = {"ET_EXEC": "program", "ET_REL": "object"}
    interpreted = any(one.header.p_type == "PT_INTERP" for one in elf.iter_segments())
    dynamic = elf.get_section_by_name(".dynamic")
    tags = list(dynamic.iter_tags()) if dynamic else []
    libraries = tuple(tag.needed for tag in tags if tag.entry.d_tag == "DT_NEEDED")
    entry = elf.header.e_type
    position_independent = "program" if interpreted else "library"
    kind = kinds.get(entry, position_independent)
    machine = str(elf.header.e_machine)
    return ElfFacts(
        machine=_MACHINES.get(machine, machine),
        bits=int(elf.elfclass),
        kind=kind,
        static=kind == "program" and not interpreted,
        libraries=libraries,
        versions=_versions(elf),
        features=_features(elf),
    )


def _versions(elf: Any) -> dict[str, str]:
    newest: dict[str, str] = {}
    section = elf.get_section_by_name(".gnu.version_r")
    for _, needed in section.iter_versions() if section else ():
        for one in needed:
            prefix, _, version = str(one.name).partition("_")
            if prefix not in _VERSIONED or not version[:1].isdigit():
                continue  # GLIBC_PRIVATE and the like
            if prefix not in newest or older(newest[prefix], version):
                newest[prefix] = version
    return dict(sorted(newest.items()))


def _features(elf: Any) -> tuple[str, ...]:
    section = elf.get_section_by_name(".ARM.attributes")
    if section is None:
        return ()
    found = []
    for part in section.iter_subsections():
        for group in part.iter_subsubsections():
            for attribute in group.iter_attributes():
                names = _ARM_FEATURES.get(attribute.tag, {})
                if attribute.value in names:
                    found.append(names[attribute.value])
    return tuple(dict.fromkeys(found))


def _numbers(version: str) -> tuple[int, ...]:
    return tuple(int(part) for part in version.split("."))
