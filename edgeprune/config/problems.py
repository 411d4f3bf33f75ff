"""What pydantic finds wrong, in the user's own words: file, line, key, value, what is allowed."""

from types import UnionType
from typing import Any, Union, get_args, get_origin

from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails

from edgeprune.config.document import Document, Location
from edgeprune.errors import nearest


def describe(error: ValidationError, document: Document, schema: type[BaseModel]) -> str:
    """One line per problem, in the order of the file."""
    lines: dict[Location, str] = {}
    for detail in error.errors(include_url=False):
        location = _location(detail["loc"], document.values)
        # A union reports each of its members; the first says enough.
        lines.setdefault(
            location, f"{document.mark(location)}: {_sentence(detail, location, schema)}"
        )
    return "\n".join(lines.values())


def _location(raw: tuple[str | int, ...], values: Any) -> Location:
    """Pydantic's location without the names of union members, which the user never wrote."""
    kept: list[str | int] = []
    for index, part in enumerate(raw):
        inside = isinstance(values, dict) and part in values
        inside = inside or (isinstance(values, list) and isinstance(part, int))
        if not inside:
            if index == len(raw) - 1 and isinstance(values, dict):
                kept.append(part)  # a missing key
            break
        kept.append(part)
        values = values[part]
    return tuple(kept)


def _sentence(detail: ErrorDetails, location: Location, schema: type[BaseModel]) -> str:
    path = ".".join(str(part) for part in location) or "the file"
    context = detail.get("ctx", {})
    if detail["type"] == "extra_forbidden":
        key = str(location[-1])
        model = _model_at(schema, location[:-1])
        allowed = list(model.model_fields) if model else []
        return f"{path}: unknown key {key!r}; allowed: {', '.join(allowed)}{nearest(key, allowed)}"
    if detail["type"] == "missing":
        return f"{path}: missing"
    value = detail["input"]
    if detail["type"] == "literal_error":
        expected = str(context.get("expected", ""))
        words = [word.strip("' ") for word in expected.replace(" or ", ",").split(",")]
        return f"{path}: {value!r}; allowed: {expected}{nearest(str(value), words)}"
    if detail["type"] == "value_error":
        return f"{path}: {context['error']}{_hint(path)}"
    if detail["type"] == "model_type":
        model = _model_at(schema, location)
        keys = ", ".join(model.model_fields) if model else ""
        return f"{path}: {value!r}; allowed: a mapping with the keys {keys}"
    if detail["type"] == "is_instance_of":
        return f"{path}: {value!r}; allowed: the path of a file"
    message = detail["msg"].removeprefix("Input ")
    return f"{path}: {value!r}: {message}{_hint(path)}"


def _hint(path: str) -> str:
    if path == "budget.latency":
        return "; allowed: a ratio above 0x and below 1x, e.g. 0.5x"
    return ""


def _model_at(schema: type[BaseModel], location: Location) -> type[BaseModel] | None:
    model: type[BaseModel] | None = schema
    for part in location:
        if model is None or part not in model.model_fields:
            return None
        model = _model_in(model.model_fields[str(part)].annotation)
    return model


def _model_in(annotation: Any) -> type[BaseModel] | None:
    options = get_args(annotation) if get_origin(annotation) in (Union, UnionType) else [annotation]
    for option in options:
        if isinstance(option, type) and issubclass(option, BaseModel):
            return option
    return None
