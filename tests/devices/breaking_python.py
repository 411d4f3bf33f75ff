"""A Python behind a connection that breaks: ``breaking_python.py PLAN_FILE -u -c CODE``.

Passes everything on between the one who calls and a real interpreter. The plan is a list of
faults, one a line; each comes when the worker is next asked to measure, and is then crossed out.
``down`` in it refuses to start at all, for so long as it is there.
"""

import os
import sys
from pathlib import Path
from subprocess import PIPE, Popen
from threading import Thread

#: The step's name, as execnet writes it in a question.
_SIGN = b"N\0\0\0\x07measure"


def main() -> None:
    """Start the interpreter and pass on what it says, until the next fault is due."""
    plan = Path(sys.argv[1])
    faults = plan.read_text().split()
    if "down" in faults:
        sys.exit("ssh: connect to host board port 22: Connection refused")
    child = Popen([sys.executable, *sys.argv[2:]], stdin=PIPE, stdout=PIPE)
    assert child.stdin is not None and child.stdout is not None
    asked = [False]

    def questions() -> None:
        while content := os.read(0, 2**16):
            asked[0] = asked[0] or _SIGN in content
            child.stdin.write(content)
            child.stdin.flush()
        child.stdin.close()

    Thread(target=questions, daemon=True).start()
    while content := os.read(child.stdout.fileno(), 2**16):
        if asked[0] and faults:
            plan.write_text("\n".join(faults[1:]))
            _break(faults[0], content)
            child.kill()
            child.wait()
            return
        _say(content)


def _break(fault: str, content: bytes) -> None:
    if fault == "garbage":
        _say(content[:5] + os.urandom(2000))
    elif fault == "huge":
        _say(b"\x04" + (1).to_bytes(4, "big") + (800 * 2**20).to_bytes(4, "big"))
        for _ in range(100):
            _say(b"\0" * 2**16)
    elif fault == "half":
        _say(content[: len(content) // 2])
    elif fault == "hang":
        while os.read(0, 2**16):
            pass
    assert fault in {"garbage", "huge", "half", "hang", "reset"}


def _say(content: bytes) -> None:
    try:
        while content:
            content = content[os.write(1, content) :]
    except BrokenPipeError:
        os._exit(1)


if __name__ == "__main__":
    main()
