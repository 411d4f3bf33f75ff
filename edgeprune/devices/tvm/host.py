"""TVM on this machine: whether it is there, and what it is to compile for."""

import platform
import shutil
from collections.abc import Mapping
from types import ModuleType
from typing import Any

from edgeprune.config import TargetConfig
from edgeprune.errors import TargetError

#: Architecture of a profile -> triple, which is also the prefix of Debian's cross compilers.
_TRIPLES = {
    "x86_64": "x86_64-linux-gnu",
    "aarch64": "aarch64-linux-gnu",
    "armv7l": "arm-linux-gnueabihf",
}
_FIRST_WORDS = {"x86_64": "x86_64", "amd64": "x86_64", "aarch64": "aarch64", "arm64": "aarch64"}


def require_tvm() -> ModuleType:
    """TVM, imported now and not before: it takes seconds and is an optional extra.

    Raises:
        TargetError: it is not installed, or cannot be loaded.
    """
    try:
        import tvm
        import tvm.relax
    except (ImportError, OSError, RuntimeError) as error:
        msg = f"TVM cannot be imported ({error}); install it: pip install 'edgeprune[tvm]'"
        raise TargetError(msg) from error
    module: ModuleType = tvm
    return module


def tvm_target(target: Mapping[str, object]) -> Any:
    """TVM's own form of a target.

    Args:
        target: such as ``{"kind": "llvm", "mcpu": "cortex-a72"}``.

    Raises:
        TargetError: TVM does not take it, or it is not for a processor.
    """
    tvm = require_tvm()
    if target.get("kind") != "llvm":
        msg = f"tvm.target: kind is {target.get('kind')!r}; allowed: llvm"
        raise TargetError(msg)
    try:
        # Without a number of cores nothing can be tuned.
        return tvm.target.Target({"num-cores": 1, **target})
    except Exception as error:
        msg = f"tvm.target: TVM does not take {dict(target)}: {first_line(error)}"
        raise TargetError(msg) from error


def target_of(config: TargetConfig) -> dict[str, Any]:
    """The TVM target of a profile: its own, or one made from its architecture and cpu.

    Raises:
        TargetError: TVM is missing, where this machine's processor has to be asked for.
    """
    if config.tvm.target is not None:
        return dict(config.tvm.target)
    found: dict[str, Any] = {"kind": "llvm", "num-cores": config.threads}
    if config.architecture is not None:
        found["mtriple"] = _TRIPLES[config.architecture]
    if config.architecture == "armv7l":
        found |= {"mattr": ["+neon"], "mfloat-abi": "hard"}
    if config.cpu is not None:
        found["mcpu"] = config.cpu
    elif config.kind == "local":
        found["mcpu"] = require_tvm().target.codegen.llvm_get_system_cpu()
    return found


def triple_of(target: Mapping[str, object]) -> str:
    """The triple that a target names, else this machine's."""
    machine = platform.machine().lower()
    own = _TRIPLES.get(_FIRST_WORDS.get(machine, machine), machine)
    return str(target.get("mtriple") or own)


def machine_of_target(target: Mapping[str, object]) -> str | None:
    """The processor a target's triple names; None where it names none: this machine's."""
    triple = target.get("mtriple")
    if triple is None:
        return None
    word = str(triple).split("-")[0]
    if word.startswith("armv7") or word == "arm":
        return "armv7l"
    return _FIRST_WORDS.get(word, word)


def is_this_machine(target: Mapping[str, object]) -> bool:
    """Whether what is compiled for a target runs here."""
    machine = machine_of_target(target)
    return machine is None or machine == _FIRST_WORDS.get(platform.machine().lower())


def compiler_for(target: Mapping[str, object], chosen: str | None) -> str:
    """The program that links libraries for a target.

    Args:
        target: TVM's target.
        chosen: what the profile says (``tvm.cross_compiler``); None: by the triple.

    Raises:
        TargetError: it is not installed.
    """
    machine = machine_of_target(target)
    if chosen is not None:
        names = [chosen]
    elif is_this_machine(target):
        names = ["gcc", "cc", "clang"]
    else:
        names = [f"{_TRIPLES.get(str(machine), target.get('mtriple'))}-gcc"]
    for name in names:
        if shutil.which(name):
            return name
    mend = f"apt install {_package(names[0])}, or set tvm.cross_compiler in the profile"
    msg = f"the compiler {names[0]!r}, which links for {machine or 'this machine'}, is not here; "
    raise TargetError(msg + mend)


def _package(compiler: str) -> str:
    return "gcc" if compiler in ("gcc", "cc") else f"gcc-{compiler.removesuffix('-gcc')}"


def first_line(error: Exception) -> str:
    """What TVM said, without its own call stack."""
    return next(iter(str(error).strip().splitlines()), type(error).__name__)
