"""A YAML file as plain values that remember the line and column they came from."""

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

from edgeprune.errors import ConfigError

#: Keys and indices from the top of a document to a value.
Location = tuple[str | int, ...]


class _Loader(yaml.SafeLoader):
    """PyYAML's safe loader that also takes ``1e-3`` for a number, as YAML 1.2 does."""


_Loader.add_implicit_resolver(
    "tag:yaml.org,2002:float",
    re.compile(r"^[-+]?(?:\d+\.?\d*|\.\d+)(?:[eE][-+]?\d+)$"),
    list("-+0123456789."),
)


@dataclass
class Document:
    """Plain values, and where each of them stands.

    Attributes:
        source: what messages call the document: the path as the user wrote it.
        values: the top-level mapping.
        marks: ``source:line:column`` of keys and values, by location.
    """

    source: str
    values: dict[str, Any]
    marks: dict[Location, str] = field(default_factory=dict)

    def mark(self, location: Location) -> str:
        """Where a value stands; for one that is not there, where its parent stands."""
        for end in range(len(location), 0, -1):
            if (mark := self.marks.get(location[:end])) is not None:
                return mark
        return self.source

    def override(self, setting: str) -> None:
        """Change one value, as ``--set budget.latency=0.4x`` asks.

        Raises:
            ConfigError: it is not of the form ``key=value``, or goes through a plain value.
        """
        path, equals, text = setting.partition("=")
        keys = path.strip().split(".")
        mark = f"--set {setting}"
        if not equals or not all(keys):
            msg = f"{mark}: not of the form key=value, e.g. --set budget.latency=0.4x"
            raise ConfigError(msg)
        try:
            value = yaml.load(text, _Loader)
        except yaml.YAMLError as error:
            msg = f"{mark}: {text!r} is no YAML value: {_problem(error)}"
            raise ConfigError(msg) from error
        inside = self.values
        for depth, key in enumerate(keys[:-1]):
            inner = inside.setdefault(key, {})
            if inner is None:
                inner = inside[key] = {}
            if not isinstance(inner, dict):
                where = ".".join(keys[: depth + 1])
                msg = f"{mark}: {where} is {inner!r}, which has no keys"
                raise ConfigError(msg)
            inside = inner
        if keys[0] == "budget" and keys[-1] in {"latency", "latency_ms"}:
            # The two exclude each other, so the last one said wins.
            inside.clear()
        inside[keys[-1]] = value
        for depth in range(1, len(keys)):
            self.marks.setdefault(tuple(keys[:depth]), mark)
        self.marks[tuple(keys)] = mark


def read_document(path: str | Path) -> Document:
    """Read a YAML file whose top level is a mapping.

    Raises:
        ConfigError: the file is not there, not YAML, empty, or says a key twice.
    """
    source = str(path)
    try:
        text = Path(path).read_text(encoding="utf-8")
    except FileNotFoundError as error:
        msg = f"{source}: no such file"
        raise ConfigError(msg) from error
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "it is not text"
        msg = f"{source}: cannot be read: {reason}"
        raise ConfigError(msg) from error
    loader = _Loader(text)
    try:
        node = loader.get_single_node()
        if not isinstance(node, yaml.MappingNode):
            what = "empty" if node is None else "not a mapping of keys to values"
            msg = f"{source}: the file is {what}"
            raise ConfigError(msg)
        document = Document(source, {})
        for location, mark in _walk(node, (), source):
            document.marks.setdefault(location, mark)
        document.values = loader.construct_document(node)
    except yaml.YAMLError as error:
        msg = f"{source}{_position(error)}: not valid YAML: {_problem(error)}"
        raise ConfigError(msg) from error
    finally:
        loader.dispose()
    return document


def _walk(node: yaml.Node, location: Location, source: str) -> Iterator[tuple[Location, str]]:
    if isinstance(node, yaml.SequenceNode):
        for index, child in enumerate(node.value):
            yield (*location, index), _mark(source, child)
            yield from _walk(child, (*location, index), source)
    if isinstance(node, yaml.MappingNode):
        seen = set()
        for key, child in node.value:
            if key.value in seen:
                msg = f"{_mark(source, key)}: key {key.value!r} is said twice"
                raise ConfigError(msg)
            seen.add(key.value)
            yield (*location, key.value), _mark(source, key)
            yield from _walk(child, (*location, key.value), source)


def _mark(source: str, node: yaml.Node) -> str:
    return f"{source}:{node.start_mark.line + 1}:{node.start_mark.column + 1}"


def _position(error: yaml.YAMLError) -> str:
    mark = getattr(error, "problem_mark", None)
    return f":{mark.line + 1}:{mark.column + 1}" if mark else ""


def _problem(error: yaml.YAMLError) -> str:
    return str(getattr(error, "problem", None) or error)
