"""The converter's own environment: a Python that has litert-torch, beside edgeprune's.

litert-torch 0.10 needs an older typing_extensions than TVM does, so no environment holds both
(docs/decisions/007). It is called as a program, and nothing of it is imported here.
"""

import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import torch

from edgeprune.errors import TargetError
from edgeprune.folders import user_cache

#: The converter's version; another one may lay tensors out otherwise.
LITERT_TORCH = "0.10.0"
#: Names a Python of the user's own that has litert-torch.
PYTHON_VARIABLE = "EDGEPRUNE_LITERT_PYTHON"
#: What makes the environment.
SETUP_COMMAND = "edgeprune setup tflite"
#: Its packages, as they were tried together; torch is that of edgeprune's environment.
_CONSTRAINTS = Path(__file__).with_name("constraints.txt")
_READY = ".ready"


def converter_folder() -> Path:
    """Where edgeprune makes the environment: one for each torch, in the user's cache."""
    return user_cache() / f"litert-torch-{LITERT_TORCH}-torch-{_torch_version()}"


def converter_python() -> Path:
    """The Python that converts.

    Raises:
        TargetError: there is none; the message names the command that makes it.
    """
    chosen = os.environ.get(PYTHON_VARIABLE)
    if chosen:
        path = Path(chosen).expanduser()
        if not os.access(path, os.X_OK) or path.is_dir():
            msg = f"{PYTHON_VARIABLE} is {chosen!r}, which is no program; give a Python's path"
            raise TargetError(msg)
        return path
    folder = converter_folder()
    if not (folder / _READY).is_file():
        msg = (
            "TFLite files are written by litert-torch in an environment of its own, which is not "
            f"there yet; make it once (about 2 GB): `{SETUP_COMMAND}`, or name a Python that has "
            f"litert-torch {LITERT_TORCH} in {PYTHON_VARIABLE}"
        )
        raise TargetError(msg)
    return folder / "bin" / "python"


def make_environment(note: Callable[[str], None]) -> Path:
    """Make the converter's environment, unless it is there; packages come by pip.

    Args:
        note: told of each step.

    Returns:
        Its Python.

    Raises:
        TargetError: Python or pip failed; with what they said.
    """
    folder = converter_folder()
    python = folder / "bin" / "python"
    if (folder / _READY).is_file():
        note(f"it is there: {folder}")
        return python
    shutil.rmtree(folder, ignore_errors=True)
    folder.parent.mkdir(parents=True, exist_ok=True)
    pip = [str(python), "-m", "pip", "install", "--quiet"]
    constrained = ["--constraint", str(_CONSTRAINTS)]
    # torch comes first and alone: asked for with others, pip may choose a newer build.
    steps = [
        (f"making {folder}", [sys.executable, "-m", "venv", str(folder)]),
        (f"installing torch {_torch_version()}", [*pip, f"torch=={_torch_version()}"]),
        (
            f"installing litert-torch {LITERT_TORCH}",
            [*pip, *constrained, f"litert-torch=={LITERT_TORCH}", f"torch=={_torch_version()}"],
        ),
    ]
    for what, argv in steps:
        note(what)
        try:
            subprocess.run(argv, capture_output=True, text=True, check=True)
        except (OSError, subprocess.CalledProcessError) as error:
            said = getattr(error, "stderr", "") or str(error)
            last = "\n".join(said.strip().splitlines()[-5:])
            msg = f"{what} failed; `{SETUP_COMMAND}` tries again:\n{last}"
            raise TargetError(msg) from error
    (folder / _READY).touch()
    return python


def _torch_version() -> str:
    """Without the build: ``2.13.0`` of ``2.13.0+cpu``."""
    return torch.__version__.partition("+")[0]
