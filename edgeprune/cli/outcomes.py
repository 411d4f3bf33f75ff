"""How a command ends: one clear message and the right exit code, never a traceback."""

import json
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import typer

from edgeprune.errors import EdgepruneError

#: Exit code after Ctrl-C, as shells have it (128 + SIGINT).
INTERRUPTED = 130


@contextmanager
def exit_for_errors() -> Iterator[None]:
    """Turn errors raised on purpose into a message on standard error and an exit code."""
    try:
        yield
    except EdgepruneError as error:
        typer.secho("error: ", fg="red", bold=True, err=True, nl=False)
        typer.echo(str(error), err=True)
        raise typer.Exit(error.exit_code) from None
    except KeyboardInterrupt as error:
        place = getattr(error, "directory", None)
        goes_on = "" if place is None else f"; `edgeprune resume {place}` goes on from here"
        typer.echo(f"interrupted{goes_on}", err=True)
        raise typer.Exit(INTERRUPTED) from None


def print_json(value: Any) -> None:
    """One JSON object on standard output, for programs."""
    json.dump(value, sys.stdout, indent=2)
    sys.stdout.write("\n")
