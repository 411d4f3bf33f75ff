"""File paths in YAML files: variables and ``~`` expanded, relative ones made absolute."""

import os
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from pydantic import BaseModel

from edgeprune.config.overrides import with_value
from edgeprune.config.places import Places
from edgeprune.config.problem import KeyPath, Problem
from edgeprune.config.schema import find
from edgeprune.config.section import Section

_VARIABLE = re.compile(r"\$(?P<escaped>\$\{)|\$\{(?P<name>\w+)(?::-(?P<default>[^}]*))?\}")


def expand_variables(text: str) -> str:
    """Put in the environment's values: ``${VAR}``, or ``${VAR:-default}`` if it may be unset.

    A literal ``${`` is written ``$${``.

    Raises:
        ValueError: a variable is not set and has no default, or a ``${`` is not closed.
    """

    def replacement(match: re.Match[str]) -> str:
        if match["escaped"]:
            return "\0"  # kept apart, so that the check below sees only what was not understood
        found = os.environ.get(match["name"]) or match["default"]
        if found is None:
            msg = (
                f"the environment variable {match['name']} is not set; set it, or write "
                f"${{{match['name']}:-default}}"
            )
            raise ValueError(msg)
        return found

    if "\0" in text:
        msg = "a path cannot hold a null character"
        raise ValueError(msg)
    expanded = _VARIABLE.sub(replacement, text)
    if "${" in _VARIABLE.sub("", text):
        msg = "'${' starts no variable; allowed: ${VAR}, ${VAR:-default}, or $${ for itself"
        raise ValueError(msg)
    return expanded.replace("\0", "${")


def escape_variables(text: str) -> str:
    """Text that `expand_variables` turns into this one."""
    return text.replace("${", "$${")


def absolute(text: str, base: Path) -> Path:
    """An absolute path, relative ones taken from `base`; links and ``..`` are resolved.

    Raises:
        ValueError: it is empty, has an unknown ``~user``, or goes in circles.
    """
    if not text:
        msg = "a path cannot be empty"
        raise ValueError(msg)
    try:
        return (base / Path(text).expanduser()).resolve()
    except (OSError, RuntimeError) as error:
        msg = f"cannot be resolved: {error}"
        raise ValueError(msg) from error


def resolve_paths(
    value: Any, top: type[Section], places: Places, base: Path
) -> tuple[Any, list[Problem]]:
    """Make all paths in a document's value absolute, before it is validated.

    Args:
        value: mappings, lists and scalars; left as it is.
        top: the section that it will be validated as.
        places: where the values come from.
        base: the folder of the file. An override's relative path is taken from the current
            folder instead, as on every command line.

    Returns:
        The value with absolute paths, and what is wrong with the others.
    """
    problems: list[Problem] = []
    for path, prefix, text in list(path_texts(value, top)):
        folder = Path.cwd() if places.override(path) else base
        try:
            resolved = absolute(expand_variables(text), folder)
        except ValueError as error:
            problems.append(Problem(places.value(path), path, f"{error}; got {text!r}"))
        else:
            value = with_value(value, path, f"{prefix}{resolved}")
    return value, problems


def path_texts(
    value: Any, section: type[BaseModel], path: KeyPath = ()
) -> Iterator[tuple[KeyPath, str, str]]:
    """The file paths in a document's value: where they stand, what is before them, as text."""
    for key, held in value.items() if isinstance(value, dict) else ():
        spot = find(section, (key,))
        if spot.is_unknown:
            continue
        if spot.section is not None:
            yield from path_texts(held, spot.section, (*path, key))
        elif spot.takes_path and isinstance(held, str) and held not in spot.words:
            yield (*path, key), "", held
        elif (after := spot.folder_after) is not None and isinstance(held, str):
            if (folder := after.folder(held)) is not None:
                yield (*path, key), after.prefix, folder
