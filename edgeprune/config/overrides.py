"""Overrides: ``budget.latency=0.4x`` on the command line wins over the file."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from pydantic import BaseModel

from edgeprune.config.budget import ALTERNATIVES
from edgeprune.config.document import Document
from edgeprune.config.problem import KeyPath, Place, Problem
from edgeprune.config.schema import find
from edgeprune.config.section import Section
from edgeprune.errors import ConfigError, nearest


@dataclass(frozen=True)
class Override:
    """One override that names a key of the schema.

    Attributes:
        path: the key, from the top.
        value: what it is set to.
        place: how messages name it.
    """

    path: KeyPath
    value: Any
    place: Place


def read_overrides(
    texts: Sequence[str], top: type[Section]
) -> tuple[tuple[Override, ...], list[Problem]]:
    """Read ``KEY=VALUE`` texts; the value is YAML.

    Returns:
        The overrides, and what is wrong with the texts that are none.
    """
    overrides: list[Override] = []
    problems: list[Problem] = []
    for number, text in enumerate(texts):
        place = Place(f"--set {text}", (0, number))
        key, equals, value = text.partition("=")
        path = tuple(part.strip() for part in key.split("."))
        if not equals or not all(path):
            problems.append(Problem(place, (), "is no KEY=VALUE, such as budget.latency=0.4x"))
            continue
        wrong = _no_such_key(path, top)
        if wrong is not None:
            problems.append(Problem(place, wrong[0], wrong[1]))
            continue
        try:
            document = Document(value, place.text)
        except ConfigError as error:
            said = str(error).removeprefix(place.text).partition(": ")[2]
            problems.append(Problem(place, path, f"the value {said}; put it in quotes"))
            continue
        problems += [
            Problem(place, path + problem.path, problem.text) for problem in document.problems
        ]
        overrides.append(Override(path, document.value, place))
    return tuple(overrides), problems


def apply_overrides(value: Any, overrides: Iterable[Override]) -> Any:
    """A document's value with the overrides set; sections that are missing are made.

    An override of one way to give the budget makes the other give way: saying ``latency_ms`` on
    the command line can only mean that instead of the file's ``latency``.

    Where the document has something else than a section, it is left for validation to complain.
    """
    for override in overrides:
        *section, key = override.path
        if section == ["budget"] and key in ALTERNATIVES and override.value is not None:
            for other in ALTERNATIVES:
                value = with_value(value, ("budget", other), None)
        value = with_value(value, override.path, override.value)
    return value


def with_value(value: Any, path: KeyPath, new: Any) -> Any:
    """A copy of nested mappings with the value at `path` set to `new`."""
    if not path:
        return new
    if value is None:
        value = {}
    if not isinstance(value, dict):
        return value
    return value | {path[0]: with_value(value.get(path[0]), path[1:], new)}


def unknown_key(path: KeyPath, section: type[BaseModel]) -> str:
    """What to say about a key that a section does not have."""
    allowed = list(section.model_fields)
    word = str(path[-1])
    return f"unknown key {word!r}; allowed: {', '.join(allowed)}{nearest(word, allowed)}"


def _no_such_key(path: KeyPath, top: type[Section]) -> tuple[KeyPath, str] | None:
    spot = find(top, path)
    if spot.is_unknown and spot.section is not None:
        return spot.path, unknown_key(spot.path, spot.section)
    if len(spot.path) < len(path) and not spot.takes_own_keys:
        return spot.path, f"has no keys below it; it must be {spot.expected}"
    return None
