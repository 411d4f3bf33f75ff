"""The only way to the terminal: text from files and devices is shown, never obeyed.

A file's name, a device's answer or somebody's history may hold escape sequences, which a terminal
would carry out, or ``[/b]``, which rich would take for markup and fail at.
"""

import re
import sys
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from typing import Any

from rich.console import Console, ConsoleOptions, RenderableType
from rich.progress import TextColumn
from rich.segment import Segment
from rich.text import Text

from edgeprune.passwords import masked

#: What moves a cursor, changes colours or the direction of writing, or cannot be written at all.
_UNSAFE = re.compile(
    "[\x00-\x08\x0b-\x1f\x7f-\x9f\u200e\u200f\u2028-\u202e\u2066-\u2069\ud800-\udfff]"
)


def shown(text: object) -> str:
    r"""Text as a person may see it: control characters escaped, passwords in addresses masked.

    Examples:
        >>> shown("a\x1b[31mb")
        'a\\x1b[31mb'
    """
    found = masked(str(text).replace("\r\n", "\n"))
    return _UNSAFE.sub(lambda match: match[0].encode("unicode_escape").decode(), found)


def say(text: object, *, error: bool = False) -> None:
    """Print one line.

    Args:
        text: whatever it holds, it is only shown.
        error: on standard error.
    """
    print(shown(text), file=sys.stderr if error else sys.stdout, flush=True)


def console(*, error: bool = False, quiet: bool = False) -> Console:
    """Where tables and bars go; what is printed is neither markup nor control sequence.

    Args:
        error: standard error.
        quiet: print nothing.
    """
    return _PlainConsole(stderr=error, quiet=quiet, highlight=False, markup=False, emoji=False)


@contextmanager
def status(text: str) -> Iterator[Callable[[str], None]]:
    """A line on standard error that says what is being done, while it is.

    Args:
        text: the first one.

    Yields:
        What puts another text there.
    """
    with console(error=True).status(Text(text)) as line:
        yield lambda other: line.update(Text(other))


def column(template: str) -> TextColumn:
    """A column of a progress bar whose texts are no markup."""
    return TextColumn(template, markup=False)


class _PlainConsole(Console):
    """Makes everything safe that comes to be rendered, whatever it is part of."""

    def render(
        self, renderable: RenderableType, options: ConsoleOptions | None = None
    ) -> Iterable[Segment]:
        """As rich does; only its own control sequences stay what they are."""
        for segment in super().render(renderable, options):
            yield segment if segment.control else Segment(shown(segment.text), segment.style)

    def render_str(self, text: str, **how: Any) -> Text:
        """As rich does; before it counts how wide a text is."""
        return super().render_str(shown(text), **how)
