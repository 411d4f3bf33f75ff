"""Running a model file that may be anyone's: in a process of its own, with limits.

A file of a few hundred bytes can loop for ever, ask for all memory, or end the process that runs
it. Here that process is not ours: what it does to itself becomes an error, and Ctrl-C ends it.
"""

import os
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from numpy.typing import NDArray

from edgeprune.config import TargetConfig
from edgeprune.errors import VerificationError
from edgeprune.export.formats import FormatSpec
from edgeprune.export.isolated import array_of, described, receive, send
from edgeprune.export.verification import Given, Runner, one_input

#: What it may take beside what an interpreter with the runtime takes; and its own size so often.
_MEMORY_BYTES, _FILE_TIMES = 4 << 30, 8


@contextmanager
def run_apart(
    form: FormatSpec, path: Path, target: TargetConfig, timeout_s: float
) -> Iterator[Runner]:
    """Open a model file in another process, and end that when the block is left.

    Args:
        form: of the file.
        path: the file.
        target: that the format is opened for.
        timeout_s: for opening it, and for each portion of images.

    Raises:
        VerificationError: it does not load; when the runner is called: it does not run on these
            images, not in time, or not in a few gigabytes.
    """
    apart = _Apart(path, timeout_s)
    try:
        memory = _MEMORY_BYTES + _FILE_TIMES * path.stat().st_size
        job = {"format": form.name, "target": target.model_dump_json(), "memory": memory}
        apart.ask({**job, "path": str(path.absolute())})
        yield apart.run
    finally:
        apart.end()


class _Apart:
    """The other process."""

    def __init__(self, path: Path, timeout_s: float) -> None:
        self._path, self._timeout_s = path, timeout_s
        modules = os.pathsep.join(entry for entry in sys.path if entry)
        self._process = subprocess.Popen(
            [sys.executable, "-P", "-m", "edgeprune.export.isolated"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            env=os.environ | {"PYTHONPATH": modules},
            start_new_session=True,  # Ctrl-C reaches us alone, and we end it
        )
        self._questions: Any = self._process.stdin
        self._answers: Any = self._process.stdout

    def run(self, images: Given) -> list[NDArray[Any]]:
        count, _ = self.ask(*described(one_input(images, "a file in another process")))
        try:
            return [array_of(*receive(self._answers)) for _ in range(int(count["outputs"]))]
        except (ValueError, KeyError, TypeError) as error:
            raise VerificationError(self._text(f"gives outputs that are none: {error}")) from error

    def ask(self, header: dict[str, Any], content: bytes = b"") -> tuple[dict[str, Any], bytes]:
        """Send a message, and wait for the answer within the time limit."""
        late = threading.Event()

        def give_up() -> None:
            late.set()
            self._process.kill()

        timer = threading.Timer(self._timeout_s, give_up)
        timer.daemon = True
        timer.start()
        try:
            send(self._questions, header, content)
            answer = receive(self._answers)
        except (OSError, EOFError, ValueError, KeyError, TypeError) as error:
            self._process.kill()
            how = f"did not finish within {self._timeout_s:g} s and was ended"
            if not late.is_set():
                how = f"ended the process that ran it ({_how(self._process.wait())})"
            raise VerificationError(self._text(how)) from error
        except BaseException:
            self._process.kill()  # interrupted: its next answer would be to another question
            raise
        finally:
            timer.cancel()
        if "refused" in answer[0]:
            raise VerificationError(str(answer[0]["refused"]))
        if "failed" in answer[0]:
            raise VerificationError(self._text(f"does not run: {answer[0]['failed']}"))
        return answer

    def end(self) -> None:
        """Kill it, and wait until it is gone."""
        self._process.kill()
        self._process.wait()
        self._answers.close()
        with suppress(OSError):  # what was not sent yet is not wanted any more
            self._questions.close()

    def _text(self, what: str) -> str:
        return f"{self._path} {what}"


def _how(code: int) -> str:
    if code >= 0:
        return f"exit status {code}"
    try:
        return signal.Signals(-code).name
    except ValueError:
        return f"signal {-code}"
