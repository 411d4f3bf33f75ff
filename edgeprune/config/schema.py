"""Questions about the sections: which keys there are, and what a key takes, in words."""

from dataclasses import dataclass
from pathlib import Path
from types import NoneType, UnionType
from typing import Annotated, Any, Literal, Union, get_args, get_origin

from pydantic import BaseModel
from pydantic.fields import FieldInfo

from edgeprune.config.names import Names
from edgeprune.config.problem import KeyPath
from edgeprune.config.section import FolderAfter, Section

#: A type without alternatives, and the limits on its values.
_Kind = tuple[Any, tuple[Any, ...]]

_WORDS = {
    int: "a whole number",
    float: "a number",
    bool: "true or false",
    str: "text",
    NoneType: "null",
    Path: "a path",
    dict: "a section of your own keys",
}

_BOUNDS = {"gt": "above", "ge": "at least", "lt": "below", "le": "at most"}


@dataclass(frozen=True)
class Spot:
    """What the schema knows about a path.

    Attributes:
        path: the path up to the last part that the schema knows, or the first that it does not.
        field: the field there; None for the top and for an unknown key.
        section: the section that it holds, if it holds one; for an unknown key the one around it.
        item: whether the path ends in an item of a list.
    """

    path: KeyPath
    field: FieldInfo | None
    section: type[BaseModel] | None
    item: bool = False

    @property
    def is_unknown(self) -> bool:
        """Whether the last part of the path is a key that the schema does not know."""
        return self.field is None and bool(self.path)

    @property
    def words(self) -> tuple[str, ...]:
        """The words that are allowed here; empty where anything else is."""
        return tuple(str(word) for each in self._kinds() for word in _words(*each))

    @property
    def expected(self) -> str:
        """What is allowed here: ``a number above 0 and below 1``."""
        *others, last = (_in_words(kind, limits) for kind, limits in self._kinds())
        return f"{', '.join(others)} or {last}" if others else last

    @property
    def takes_path(self) -> bool:
        """Whether a file or folder is allowed here."""
        return any(kind is Path for kind, _ in self._kinds())

    @property
    def folder_after(self) -> FolderAfter | None:
        """How text here can name a folder, where it can."""
        found = (one for _, limits in self._kinds() for one in limits)
        return next((one for one in found if isinstance(one, FolderAfter)), None)

    @property
    def takes_own_keys(self) -> bool:
        """Whether a mapping with keys of the user's own is allowed here."""
        return any(_origin(kind) is dict for kind, _ in self._kinds())

    def _kinds(self) -> list[_Kind]:
        if self.field is None:
            return [(self.section, ())]
        kinds = _alternatives(self.field.annotation, tuple(self.field.metadata))
        if not self.item:
            return kinds
        items = [get_args(kind)[0] for kind, _ in kinds if _origin(kind) is tuple]
        return [each for item in items for each in _alternatives(item)]


def find(top: type[BaseModel], path: KeyPath) -> Spot:
    """Follow a path from a section as far as the schema knows it."""
    section: type[BaseModel] | None = top
    field: FieldInfo | None = None
    for depth, part in enumerate(path):
        if section is None:
            is_item = isinstance(part, int)
            return Spot(path[: depth + is_item], field, None, is_item)
        if part not in section.model_fields:
            return Spot(path[: depth + 1], None, section)
        field = section.model_fields[str(part)]
        section = section_of(field)
    return Spot(path, field, section)


def section_of(field: FieldInfo) -> type[Section] | None:
    """The section that a field holds, if it holds one."""
    kinds = (kind for kind, _ in _alternatives(field.annotation))
    return next((kind for kind in kinds if _is_section(kind)), None)


def _alternatives(annotation: Any, limits: tuple[Any, ...] = ()) -> list[_Kind]:
    origin = _origin(annotation)
    if origin is Annotated:
        base, *extras = get_args(annotation)
        for extra in extras:
            limits += tuple(extra.metadata) if isinstance(extra, FieldInfo) else (extra,)
        return _alternatives(base, limits)
    if origin in {Union, UnionType}:
        return [each for one in get_args(annotation) for each in _alternatives(one, limits)]
    return [(annotation, limits)]


def _origin(kind: Any) -> Any:
    """`get_origin` for comparisons, of which mypy takes some for impossible."""
    return get_origin(kind)


def _is_section(kind: Any) -> bool:
    return isinstance(kind, type) and _origin(kind) is None and issubclass(kind, Section)


def _words(kind: Any, limits: tuple[Any, ...]) -> tuple[Any, ...]:
    """What alone is allowed of a kind; empty where anything else is."""
    if _origin(kind) is Literal:
        return get_args(kind)
    return next((limit.allowed for limit in limits if isinstance(limit, Names)), ())


def _in_words(kind: Any, limits: tuple[Any, ...]) -> str:
    origin = _origin(kind)
    filled = any(getattr(limit, "min_length", None) for limit in limits)
    if words := _words(kind, limits):
        shown = ", ".join(map(repr, words))
        return f"one of {shown}" if len(words) > 1 else shown
    if origin is tuple:
        items = " or ".join(_in_words(*each) for each in _alternatives(get_args(kind)[0]))
        return f"a {'non-empty ' * filled}list, each item {items}"
    if _is_section(kind):
        return f"a section with keys from {', '.join(kind.model_fields)}"
    if kind is str and filled:
        return "text that is not empty"
    bounds = [
        f"{word} {getattr(limit, name)}"
        for limit in (limits if kind in {int, float} else ())
        for name, word in _BOUNDS.items()
        if hasattr(limit, name)
    ]
    return " ".join(filter(None, (_WORDS[origin or kind], " and ".join(bounds))))
