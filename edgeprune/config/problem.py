"""One thing that is wrong with what the user wrote, and raising all of them together."""

import json
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, NoReturn

from edgeprune.errors import ConfigError

#: Where a value stands in a document: keys of mappings and indices of lists.
KeyPath = tuple[str | int, ...]

_LONGEST_VALUE = 60


@dataclass(frozen=True)
class Place:
    """Where the user wrote something: a line and column of a file, or an override.

    Attributes:
        text: what the message starts with, e.g. ``examples/digits.yaml:14:3``.
        order: problems are shown in this order.
    """

    text: str
    order: tuple[int, ...] = ()


@dataclass(frozen=True)
class Problem:
    """One wrong thing: one line of a message."""

    place: Place
    path: KeyPath
    text: str

    def __str__(self) -> str:
        return ": ".join(part for part in (self.place.text, dotted(self.path), self.text) if part)


def dotted(path: KeyPath) -> str:
    """A path as the user writes it in an override: ``export.formats[0]``."""
    text = "".join(f"[{part}]" if isinstance(part, int) else f".{part}" for part in path)
    return text.removeprefix(".")


def shown(value: Any) -> str:
    """A value as it stands in YAML, in quotes if it is text, shortened if it is long."""
    if isinstance(value, str):
        text = repr(value)
    else:
        text = json.dumps(value, default=str, ensure_ascii=False)
    return text if len(text) <= _LONGEST_VALUE else f"{text[:_LONGEST_VALUE]}…"


def raise_all(problems: Iterable[Problem]) -> NoReturn:
    """Raise one `ConfigError` with a line for each problem, in the order of the file."""
    ordered = sorted(problems, key=lambda problem: problem.place.order)
    text = "\n".join(dict.fromkeys(map(str, ordered)))
    # Half of a surrogate pair can stand in a file, but not be printed.
    raise ConfigError(text.encode("utf-8", "backslashreplace").decode())
