"""What a device is sent for a model file."""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True)
class Artifact:
    """What is sent.

    Attributes:
        content: the bytes.
        facts: what a measurement of it must say; JSON-able.
    """

    content: bytes
    facts: dict[str, Any] = field(default_factory=dict)


#: Told what takes long.
Note = Callable[[str], None]


def quiet(_: str) -> None:
    """A note that nobody hears."""
