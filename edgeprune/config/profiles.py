"""Finding a target's profile or a calibration recipe by its name or path."""

from pathlib import Path

import edgeprune
from edgeprune.config.paths import absolute, expand_variables
from edgeprune.errors import nearest

#: Folders of the files that come with edgeprune, and what one of them is called.
KINDS = {"targets": "target", "calibration": "calibration recipe"}


def locate_profile(reference: str, base: Path, kind: str = "targets") -> tuple[str, Path]:
    """The file of a target or a calibration recipe.

    Args:
        reference: name of a profile that comes with edgeprune, or the path of a YAML file: one
            that has a ``/``, starts with ``~`` or ends in ``.yaml`` or ``.yml``.
        base: where relative paths start.
        kind: one of `KINDS`.

    Returns:
        The reference, with a path made absolute; and the file.

    Raises:
        ValueError: there is no such profile or file.
    """
    text = expand_variables(reference)
    shipped = shipped_profiles(kind)
    is_path = "/" in text or text.startswith("~") or text.endswith((".yaml", ".yml"))
    if is_path:
        file = absolute(text, base)
        if _is_file(file):
            return str(file), file
        msg = f"there is no file {file}; {_allowed(file.stem, shipped)}"
        raise ValueError(msg)
    if text not in shipped:
        msg = f"unknown {KINDS[kind]} {text!r}; {_allowed(text, shipped)}"
        raise ValueError(msg)
    return text, shipped[text]


def shipped_profiles(kind: str = "targets") -> dict[str, Path]:
    """The files of a kind that come with edgeprune, by name."""
    package = Path(edgeprune.__file__).resolve().parent
    for folder in (package / kind, package.parent / kind):
        if folder.is_dir():  # inside the wheel, or beside the package in a checkout
            return {file.stem: file for file in sorted(folder.glob("*.yaml"))}
    return {}


def _is_file(path: Path) -> bool:
    try:
        return path.is_file()
    except OSError as error:  # such as a name longer than any can be
        msg = f"the file {path} cannot be read: {error.strerror}"
        raise ValueError(msg) from error


def _allowed(word: str, names: dict[str, Path]) -> str:
    return f"allowed: {', '.join(names)}, or the path of a YAML file{nearest(word, names)}"
