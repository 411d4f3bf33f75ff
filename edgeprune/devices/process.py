"""The process that execnet speaks with: what it sends is checked, what it complains of is kept."""

import collections
import subprocess
import threading
from collections.abc import Sequence
from typing import Any

from execnet import gateway_base, gateway_io

from edgeprune.devices.wire import HEADER_BYTES, GarbageError, Inspector, check_payload

#: Lines of standard error that are kept, to tell why a worker was lost, and bytes of each.
_KEPT_LINES, _LINE_BYTES = 40, 2000
#: How long we wait for what an ended process wrote last, seconds.
_GRACE_S = 2.0


class WorkerProcess(gateway_io.Popen2IOMaster):  # type: ignore[misc]
    """A process of ours, here or at the end of a connection.

    Args:
        argv: its command line.
        execmodel: execnet's.

    Attributes:
        inspector: looks at every message.
        fault: why the messages were not read any further; empty while nothing is wrong.
    """

    def __init__(self, argv: Sequence[str], execmodel: Any) -> None:
        pipe = subprocess.PIPE
        self.popen = subprocess.Popen(argv, stdin=pipe, stdout=pipe, stderr=pipe)
        gateway_base.Popen2IO.__init__(self, self.popen.stdin, self.popen.stdout, execmodel)
        self.inspector, self.fault = Inspector(), ""
        self._payload: int | None = None
        self._lines: collections.deque[bytes] = collections.deque(maxlen=_KEPT_LINES)
        self._reader = threading.Thread(target=self._drain, name="edgeprune-stderr", daemon=True)
        self._reader.start()

    def read(self, numbytes: int) -> bytes:
        """The next bytes: execnet asks for a header, its payload, a header, and so on.

        Raises:
            EOFError: there are no more, or they are no messages of a worker.
        """
        content: bytes = super().read(numbytes)
        try:
            if self._payload is not None:
                self._payload = None
                check_payload(content)
            elif numbytes == HEADER_BYTES:
                self._payload = self.inspector.header(content)
        except GarbageError as error:
            self.fault = str(error)
            raise
        return content

    def errors(self) -> str:
        """The last lines of standard error."""
        self._reader.join(_GRACE_S)
        return b"".join(self._lines).decode(errors="replace")

    def _drain(self) -> None:
        if self.popen.stderr is not None:
            with self.popen.stderr as stream:
                self._lines.extend(iter(lambda: stream.readline(_LINE_BYTES), b""))
