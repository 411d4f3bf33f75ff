"""ARM Python on this machine under user-mode emulation."""

import shlex
from pathlib import Path

from edgeprune.boards.architecture import Architecture
from edgeprune.boards.programs import check_programs
from edgeprune.boards.recipe import RECIPE, Recipe
from edgeprune.boards.root import python_version, root
from edgeprune.boards.store import Note, made_once, quiet, store
from edgeprune.errors import TargetError

#: Of the host's environment, what would lead an ARM program to x86-64 files.
_UNSET = ("PYTHONPATH", "PYTHONHOME", "LD_PRELOAD", "LD_LIBRARY_PATH")
_SCRIPT = "python3"


def emulator(folder: Path, architecture: Architecture) -> list[str]:
    """The command that runs a program of a root, without the program."""
    unset = [part for name in _UNSET for part in ("-U", name)]
    return [architecture.user, "-cpu", architecture.cpu, *unset, "-L", str(folder)]


def make(recipe: Recipe = RECIPE, note: Note = quiet) -> Path:
    """Build the emulated ARM Python; the second call finds it built.

    Args:
        recipe: what it can import.
        note: told what takes long.

    Returns:
        A program that is the ARM Python: it takes Python's arguments.

    Raises:
        TargetError: the root file system cannot be built, or a program is missing.
    """
    check_programs(recipe.architecture.emulated_programs)
    folder = root(recipe, note)
    program = folder / "usr/bin" / f"python{python_version(folder)}"

    def write(partial: Path) -> None:
        script = partial / _SCRIPT
        command = shlex.join([*emulator(folder, recipe.architecture), str(program)])
        script.write_text(f'#!/bin/sh\nexec {command} "$@"\n', encoding="utf-8")
        script.chmod(0o700)

    return made_once(_entry(recipe), write, note) / _SCRIPT


def emulated_python(recipe: Recipe = RECIPE) -> Path:
    """The program that `make` has built.

    Args:
        recipe: what it can import.

    Raises:
        TargetError: it has not been built, or the emulator is missing.
    """
    check_programs(recipe.architecture.emulated_programs)
    script = store() / _entry(recipe) / _SCRIPT
    if not script.is_file():
        msg = (
            "the emulated ARM64 board has not been made; make it: "
            "edgeprune target start arm64-emulated"
        )
        raise TargetError(msg)
    return script


def _entry(recipe: Recipe) -> str:
    return f"emulated-{recipe.root_key()}"
