"""Records on disk: typed, and with the version of their format, so that older ones still open."""

import json
from pathlib import Path
from typing import Any, TypeVar

from pydantic import TypeAdapter, ValidationError

from edgeprune.errors import RunError
from edgeprune.files import write_json

#: Of all records; edgeprune 0.1 wrote version 1, without saying so.
VERSION = 2

#: What content of another shape can make of reading it.
_BROKEN = (ValueError, KeyError, TypeError, AttributeError, IndexError, RecursionError)

Kind = TypeVar("Kind")


class TornRecordError(RunError):
    """A record is empty or half of one: what it says is lost, and has to be found out anew."""


def as_json(record: Any) -> dict[str, Any]:
    """A record, a pydantic model or a dataclass, as what stands in its file."""
    return {"version": VERSION, **TypeAdapter(type(record)).dump_python(record, mode="json")}


def write_record(path: Path, record: Any) -> None:
    """Write a record, atomically."""
    write_json(path, as_json(record))


def read_record(path: Path, kind: type[Kind]) -> Kind:
    """Read a record of this or an older version.

    Args:
        path: the file.
        kind: a pydantic model or a dataclass; where its fields have changed, its ``upgraded`` makes
            of version 1's content what they are now.

    Raises:
        TornRecordError: it is empty, or ends in the middle.
        RunError: it is no such record, or of a newer version.
    """
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except (ValueError, RecursionError) as error:
        msg = f"{path} is no record of edgeprune that this version knows: {error}"
        raise TornRecordError(msg) from error
    try:
        version = content.pop("version", 1) if isinstance(content, dict) else 1
        if version == 1 and (upgraded := getattr(kind, "upgraded", None)) is not None:
            content = upgraded(content)
        if version <= VERSION:
            return TypeAdapter(kind).validate_python(content)
    except (ValidationError, *_BROKEN) as error:
        msg = f"{path} is no record of edgeprune that this version knows: {error}"
        raise RunError(msg) from error
    msg = f"{path} was written by a newer edgeprune (format {version}; this one reads {VERSION})"
    raise RunError(msg)
