"""How our YAML files are read: the YAML 1.2 core schema, and nothing that runs code.

PyYAML follows YAML 1.1, where ``1e-3`` is text, ``on`` is true, ``010`` is eight and ``1:30`` is
ninety. With the rules of YAML 1.2 a learning rate of ``1e-3`` is the number that it looks like.
"""

import re
from typing import Any

import yaml

_PREFIX = "tag:yaml.org,2002:"

#: Longer whole numbers are none of ours; Python takes the square of their length to read and show.
_LONGEST_NUMBER = 300

_SCALARS = (
    ("null", r"~|null|Null|NULL|", "~nN"),
    ("bool", r"true|True|TRUE|false|False|FALSE", "tTfF"),
    ("int", r"[-+]?[0-9]+|0o[0-7]+|0x[0-9a-fA-F]+", "-+0123456789"),
    (
        "float",
        r"[-+]?(?:\.[0-9]+|[0-9]+(?:\.[0-9]*)?)(?:[eE][-+]?[0-9]+)?"
        r"|[-+]?\.(?:inf|Inf|INF)|\.(?:nan|NaN|NAN)",
        "-+.0123456789",
    ),
)


class Loader(yaml.SafeLoader):
    """Parses text to nodes with their lines; values are made by `scalar_value`."""

    yaml_implicit_resolvers: dict[str, list[tuple[str, re.Pattern[str]]]] = {}  # noqa: RUF012


class Dumper(yaml.SafeDumper):
    """Writes values so that `Loader` reads the same ones."""

    yaml_implicit_resolvers: dict[str, list[tuple[str, re.Pattern[str]]]] = {}  # noqa: RUF012

    def ignore_aliases(self, data: Any) -> bool:
        """Values that happen to be the same object are written out each time."""
        return True

    def represent_str(self, data: str) -> yaml.ScalarNode:
        """A next line (U+0085) stands in double quotes: in single ones it is read as a space."""
        return self.represent_scalar(_PREFIX + "str", data, style='"' if "\x85" in data else None)


Dumper.add_representer(str, Dumper.represent_str)
for _name, _pattern, _first in _SCALARS:
    for _class in (Loader, Dumper):
        _class.add_implicit_resolver(
            _PREFIX + _name,
            re.compile(f"^(?:{_pattern})$"),
            [*_first, ""] if _name == "null" else list(_first),
        )


def scalar_value(node: yaml.ScalarNode) -> str | int | float | bool | None:
    """The value of a scalar node.

    Raises:
        ValueError: its explicit tag does not fit its text, or is none that we read.
    """
    text: str = node.value
    match node.tag.removeprefix(_PREFIX):
        case "str":
            return text
        case "null":
            return None
        case "bool":
            return text.lower() == "true"
        case "int":
            if len(text) > _LONGEST_NUMBER:
                msg = f"a number of {len(text)} digits is too large"
                raise ValueError(msg)
            return int(text, 0) if text[:2] in {"0o", "0x"} else int(text)
        case "float":
            return float(text.replace(".inf", "inf").replace(".nan", "nan"))
    raise ValueError(no_such_tag(node))


def no_such_tag(node: yaml.Node) -> str:
    """Why a node with a tag such as ``!!python/object`` is not read."""
    return f"the tag {node.tag.replace(_PREFIX, '!!')!r} is not allowed here; remove it"
