"""Finding a target's profile by its name or path."""

from pathlib import Path

import edgeprune
from edgeprune.config.paths import absolute, expand_variables
from edgeprune.errors import nearest


def locate_profile(reference: str, base: Path) -> tuple[str, Path]:
    """The file of a target.

    Args:
        reference: name of a profile that comes with edgeprune, or the path of a YAML file: one
            that has a ``/``, starts with ``~`` or ends in ``.yaml`` or ``.yml``.
        base: where relative paths start.

    Returns:
        The reference, with a path made absolute; and the file.

    Raises:
        ValueError: there is no such profile or file.
    """
    text = expand_variables(reference)
    shipped = shipped_profiles()
    is_path = "/" in text or text.startswith("~") or text.endswith((".yaml", ".yml"))
    if is_path:
        file = absolute(text, base)
        if file.is_file():
            return str(file), file
        msg = f"there is no file {file}; {_allowed(file.stem, shipped)}"
        raise ValueError(msg)
    if text not in shipped:
        msg = f"unknown target {text!r}; {_allowed(text, shipped)}"
        raise ValueError(msg)
    return text, shipped[text]


def shipped_profiles() -> dict[str, Path]:
    """The profiles that come with edgeprune, by name."""
    package = Path(edgeprune.__file__).resolve().parent
    for folder in (package / "targets", package.parent / "targets"):
        if folder.is_dir():  # inside the wheel, or beside the package in a checkout
            return {file.stem: file for file in sorted(folder.glob("*.yaml"))}
    return {}


def _allowed(word: str, names: dict[str, Path]) -> str:
    return f"allowed: {', '.join(names)}, or the path of a YAML file{nearest(word, names)}"
