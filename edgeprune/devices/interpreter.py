"""How a Python on some device is started: as a process of ours that speaks execnet."""

import signal
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from execnet.gateway_io import popen_bootstrapline

#: Says why an interpreter ended, from its exit code and what it wrote to standard error.
Explain = Callable[[int | None, str], str]
#: Says of the same whether it will end so again until a person has mended something.
Lasting = Callable[[int | None, str], bool]
#: A shell's exit code for a program that SIGKILL ended.
_KILLED = 128 + signal.SIGKILL


def say_how_it_ended(code: int | None, errors: str) -> str:
    """The plain account: the exit code and the last line of standard error."""
    if code == _KILLED:
        return killed_by(signal.SIGKILL)
    lines = errors.strip().splitlines()
    how = f"ended with exit code {code}"
    return f"{how}: {lines[-1].strip()}" if lines else how


def killed_by(number: int) -> str:
    """That a signal ended it; with SIGKILL, who commonly sends that."""
    try:
        name = signal.Signals(number).name
    except ValueError:
        name = f"signal {number}"
    who = ", as by a device that runs out of memory" if number == signal.SIGKILL else ""
    return f"killed by {name}{who}"


def never(code: int | None, errors: str) -> bool:
    """Nothing is known to last."""
    return False


@dataclass(frozen=True)
class Interpreter:
    """A Python, here or elsewhere.

    Attributes:
        argv: the command that starts it, with the line it begins with; never read by a shell
            of this machine.
        explain: says why it ended.
        lasting: says whether trying again is of no use.
    """

    argv: tuple[str, ...]
    explain: Explain = say_how_it_ended
    lasting: Lasting = never


def python_command(words: Sequence[str], code: str = popen_bootstrapline) -> Interpreter:
    """A Python that a command of this machine starts.

    Args:
        words: the command, such as ``docker run -i IMAGE python3``; ``-u -c CODE`` is added.
        code: what it runs; execnet's first line if not given.
    """
    return Interpreter((*words, "-u", "-c", code))
