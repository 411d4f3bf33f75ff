"""How a command ends: one clear message and the right exit code, never a traceback."""

import io
import json
import signal
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType
from typing import Any

import typer

from edgeprune.errors import EdgepruneError
from edgeprune.terminal import say

#: Exit codes after Ctrl-C and after a request to end, as shells have them (128 + the signal).
INTERRUPTED, TERMINATED = 130, 143


class Terminated(KeyboardInterrupt):
    """The process was asked to end: it does so as after Ctrl-C, and leaves nothing half-made."""


def prepare() -> None:
    """Make this process end in order when asked to, and show what its terminal has no letters for.

    For the command alone: a program that uses edgeprune decides these for itself.
    """
    signal.signal(signal.SIGTERM, _terminate)
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")


@contextmanager
def exit_for_errors() -> Iterator[None]:
    """Turn errors raised on purpose into a message on standard error and an exit code."""
    try:
        yield
    except EdgepruneError as error:
        typer.secho("error: ", fg="red", bold=True, err=True, nl=False)
        say(error, error=True)
        raise typer.Exit(error.exit_code) from None
    except KeyboardInterrupt as error:
        place = getattr(error, "directory", None)
        asked = isinstance(error.__cause__ or error, Terminated)
        goes_on = "" if place is None else f"; `edgeprune resume {place}` goes on from here"
        say(f"{'ended' if asked else 'interrupted'}{goes_on}", error=True)
        raise typer.Exit(TERMINATED if asked else INTERRUPTED) from None


def print_json(value: Any) -> None:
    """One JSON object on standard output, for programs."""
    json.dump(value, sys.stdout, indent=2)
    sys.stdout.write("\n")


def _terminate(number: int, frame: FrameType | None) -> None:
    raise Terminated
