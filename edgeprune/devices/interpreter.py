"""How a Python on some device is started: as a process of ours that speaks execnet."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from execnet.gateway_io import popen_bootstrapline

#: Says why an interpreter ended, from its exit code and what it wrote to standard error.
Explain = Callable[[int | None, str], str]


def say_how_it_ended(code: int | None, errors: str) -> str:
    """The plain account: the exit code and the last line of standard error."""
    lines = errors.strip().splitlines()
    how = f"ended with exit code {code}"
    return f"{how}: {lines[-1].strip()}" if lines else how


@dataclass(frozen=True)
class Interpreter:
    """A Python, here or elsewhere.

    Attributes:
        argv: the command that starts it, with the line it begins with; never read by a shell
            of this machine.
        explain: says why it ended.
    """

    argv: tuple[str, ...]
    explain: Explain = say_how_it_ended


def python_command(words: Sequence[str], code: str = popen_bootstrapline) -> Interpreter:
    """A Python that a command of this machine starts.

    Args:
        words: the command, such as ``docker run -i IMAGE python3``; ``-u -c CODE`` is added.
        code: what it runs; execnet's first line if not given.
    """
    return Interpreter((*words, "-u", "-c", code))
