"""What a process opens for writing, and what it starts, by the interpreter's audit events."""

import os
import sys
from pathlib import Path
from typing import Any

_WRITING = os.O_WRONLY | os.O_RDWR | os.O_CREAT | os.O_TRUNC | os.O_APPEND
#: Events whose first argument is changed by them.
_CHANGES = {
    *("os.mkdir", "os.rename", "os.remove", "os.rmdir", "os.link", "os.symlink", "os.truncate"),
    *("os.chmod", "os.chown", "os.utime", "shutil.rmtree", "shutil.move", "shutil.copyfile"),
    "sqlite3.connect",
}
#: Events that no data file may cause.
_STARTS = {
    *("subprocess.Popen", "os.system", "os.exec", "os.posix_spawn", "os.spawn", "pty.spawn"),
    *("os.fork", "socket.connect", "urllib.Request", "ctypes.dlopen"),
}


class Watch:
    """Notes what happens between `begin` and `end`; there is no way to take it off again.

    Args:
        allowed: the folder that may be written.
    """

    def __init__(self, allowed: Path) -> None:
        self._allowed = os.path.realpath(allowed) + os.sep
        self._on = False
        self._seen: list[str] = []
        sys.addaudithook(self._hear)

    def begin(self) -> None:
        """Start to note."""
        self._on = True

    def end(self) -> list[str]:
        """What was written elsewhere or started."""
        self._on = False
        seen, self._seen = self._seen, []
        return seen

    def _hear(self, event: str, arguments: tuple[Any, ...]) -> None:
        if not self._on:
            return
        if event in _STARTS:
            self._note(f"{event} {arguments[0]!r}")
        elif event == "open" and arguments[2] & _WRITING and isinstance(arguments[0], str | bytes):
            self._check("open", arguments[0])
        elif event in _CHANGES:
            self._check(event, arguments[0])

    def _check(self, event: str, path: Any) -> None:
        if not isinstance(path, str | bytes | os.PathLike):
            return
        self._on = False  # looking at the path opens nothing, but asks the system
        full = os.path.realpath(os.fsdecode(path))
        self._on = True
        if not (full + os.sep).startswith(self._allowed) and full != os.devnull:
            self._note(f"{event} {full}")

    def _note(self, text: str) -> None:
        if len(self._seen) < 5:
            self._seen.append(text)
