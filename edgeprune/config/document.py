"""A YAML text as plain values that still know where they were written."""

from pathlib import Path
from typing import Any

import yaml

from edgeprune.config.problem import KeyPath, Place, Problem, raise_all
from edgeprune.config.yaml_rules import Loader, no_such_tag, scalar_value
from edgeprune.errors import ConfigError, nearest

#: Values that a file may hold, each alias counted as what it stands for.
MOST_VALUES = 20_000
#: Anything larger is no file that a person wrote: most likely a checkpoint.
LARGEST_FILE = 1 << 20


class Document:
    """Plain values and the place of each.

    Args:
        text: YAML.
        name: what the user calls it; messages start with it.

    Attributes:
        value: mappings, lists and scalars.
        problems: duplicate keys and the like; `value` is what can be made of the rest.

    Raises:
        ConfigError: it is not YAML, or more than one document.
    """

    def __init__(self, text: str, name: str) -> None:
        self.name = name
        self.problems: list[Problem] = []
        try:
            self._root = yaml.compose(text, Loader=Loader)
            if self._root is not None and _count(self._root, {}) > MOST_VALUES:
                text = f"stands for more than {MOST_VALUES:,} values: its aliases multiply"
                raise_all([Problem(Place(name), (), text)])
            self.value = None if self._root is None else self._read(self._root, ())
        except RecursionError:
            problem = Problem(Place(name), (), "is nested too deeply, or an alias contains itself")
            raise_all([problem])
        except yaml.YAMLError as error:
            raise_all([_unreadable(error, name)])

    def place(self, path: KeyPath, *, key: bool = False) -> Place:
        """Where a value was written, or the nearest thing around it that was.

        Args:
            path: keys and indices from the top.
            key: the place of its key instead of the value itself.
        """
        label = node = self._root
        for part in path:
            found = _entry(node, part)
            if found is None:
                key = True  # a section around it: its key says more than where its content starts
                break
            label, node = found
        return self._at(label if key else node)

    def _at(self, node: yaml.Node | None) -> Place:
        if node is None:
            return Place(self.name)
        position = (node.start_mark.line + 1, node.start_mark.column + 1)
        return Place(":".join(map(str, (self.name, *position))), position)

    def _problem(self, node: yaml.Node, path: KeyPath, text: str) -> None:
        self.problems.append(Problem(self._at(node), path, text))

    def _read(self, node: yaml.Node, path: KeyPath) -> Any:
        if isinstance(node, yaml.ScalarNode):
            try:
                return scalar_value(node)
            except ValueError as error:
                self._problem(node, path, str(error))
                return None
        if not node.tag.endswith((":map", ":seq")):
            self._problem(node, path, no_such_tag(node))
        if isinstance(node, yaml.SequenceNode):
            return [self._read(item, (*path, index)) for index, item in enumerate(node.value)]
        return self._read_mapping(node, path)

    def _read_mapping(self, node: yaml.Node, path: KeyPath) -> dict[str, Any]:
        lines: dict[str, int] = {}
        values: dict[str, Any] = {}
        for key, value in node.value:
            if not isinstance(key, yaml.ScalarNode) or not key.tag.endswith(":str"):
                got = key.value if isinstance(key, yaml.ScalarNode) else "a list or section"
                self._problem(key, path, f"a key must be text; got {got}")
            elif key.value in lines:
                text = f"the key is given twice; first in line {lines[key.value]}"
                self._problem(key, (*path, key.value), text)
            else:
                lines[key.value] = key.start_mark.line + 1
                values[key.value] = self._read(value, (*path, key.value))
        return values


def read_document(path: str | Path) -> Document:
    """Read a YAML file.

    Raises:
        ConfigError: it is not there, cannot be read, is not text, not YAML, or empty.
    """
    document = Document(_read_text(path), str(path))
    if document.value is None and not document.problems:
        msg = f"{path}: is empty; give a YAML file with settings"
        raise ConfigError(msg)
    return document


def _read_text(path: str | Path) -> str:
    try:
        file = Path(path).expanduser()
        with file.open("rb") as stream:
            data = stream.read(LARGEST_FILE + 1)
        if len(data) <= LARGEST_FILE:
            return data.decode("utf-8-sig")
        reason = "is larger than 1 MiB; give a YAML file"
    except FileNotFoundError:
        siblings = [each.name for each in file.parent.glob("*.y*ml")]
        reason = f"there is no such file{nearest(file.name, siblings)}"
    except IsADirectoryError:
        reason = "is a directory; give a YAML file"
    except UnicodeDecodeError as error:
        reason = f"is not UTF-8 text (from byte {error.start} on); give a YAML file"
    except (OSError, ValueError, RuntimeError) as error:
        reason = f"cannot be read: {getattr(error, 'strerror', None) or error}"
    msg = f"{path}: {reason}"
    raise ConfigError(msg)


def _count(node: yaml.Node, known: dict[int, int]) -> int:
    """Values in a node, where what an alias stands for counts every time; none is made for it."""
    if isinstance(node, yaml.ScalarNode):
        return 1
    if id(node) not in known:
        known[id(node)] = 0  # one that contains itself is told when it is read
        parts = node.value if isinstance(node, yaml.SequenceNode) else [v for _, v in node.value]
        known[id(node)] = 1 + sum(_count(part, known) for part in parts)
    return known[id(node)]


def _entry(node: yaml.Node | None, part: str | int) -> tuple[yaml.Node, yaml.Node] | None:
    """The key's and the value's node of one entry; a list item is its own key."""
    if isinstance(node, yaml.SequenceNode) and isinstance(part, int) and part < len(node.value):
        return node.value[part], node.value[part]
    if isinstance(node, yaml.MappingNode):
        for key, value in node.value:
            if isinstance(key, yaml.ScalarNode) and key.value == part:
                return key, value
    return None


def _unreadable(error: yaml.YAMLError, name: str) -> Problem:
    """What the YAML parser says, with its line."""
    mark = getattr(error, "problem_mark", None)
    if mark is None:
        return Problem(Place(name), (), f"is not YAML: {' '.join(str(error).split())}")
    said = [getattr(error, "context", None), getattr(error, "problem", None)]
    text = ", ".join(part for part in said if part)
    if "'\\t'" in text:
        text += "; indent with spaces"
    if "got '{'" in text:
        text += "; between braces, put a value with ${...} in quotes"
    return Problem(Place(f"{name}:{mark.line + 1}:{mark.column + 1}"), (), f"is not YAML: {text}")
