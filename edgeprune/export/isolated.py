"""The process in which a model file from anywhere is run; see `edgeprune.export.isolation`.

A message is one line of JSON, then as many bytes as its ``bytes`` says. The first tells what to
run; each of those that follow holds images, and is answered with the number of outputs and each
of them, or with why there are none.
"""

import json
import os
import sys
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
from numpy.typing import NDArray

from edgeprune.errors import EdgepruneError

_LONGEST_LINE = 1 << 16
_LARGEST = 1 << 31
#: Kinds of numbers that outputs may be: floats, integers, bools.
_NUMBERS = "fiub"


def send(stream: BinaryIO, header: dict[str, Any], content: bytes = b"") -> None:
    """Write one message."""
    stream.write(json.dumps({**header, "bytes": len(content)}).encode() + b"\n")
    stream.write(content)
    stream.flush()


def receive(stream: BinaryIO) -> tuple[dict[str, Any], bytes]:
    """Read one message.

    Raises:
        EOFError: there is none any more.
        ValueError: it is none.
    """
    line = stream.readline(_LONGEST_LINE)
    if not line.endswith(b"\n"):
        raise EOFError
    header: dict[str, Any] = json.loads(line)
    size = int(header["bytes"])
    if not 0 <= size <= _LARGEST:
        msg = f"a message of {size} bytes"
        raise ValueError(msg)
    content = stream.read(size)
    if len(content) < size:
        raise EOFError
    return header, content


def described(values: NDArray[Any]) -> tuple[dict[str, Any], bytes]:
    """An array as a message.

    Raises:
        ValueError: it holds something else than numbers.
    """
    if not isinstance(values, np.ndarray) or values.dtype.kind not in _NUMBERS:
        msg = f"its outputs are no numbers but {getattr(values, 'dtype', type(values).__name__)}"
        raise ValueError(msg)
    return {"shape": list(values.shape), "dtype": values.dtype.str}, values.tobytes()


def array_of(header: dict[str, Any], content: bytes) -> NDArray[Any]:
    """The array of a message.

    Raises:
        ValueError: the message does not describe its bytes.
    """
    kind = np.dtype(str(header["dtype"]))
    if kind.kind not in _NUMBERS:
        msg = f"an array of {kind}"
        raise ValueError(msg)
    return np.frombuffer(content, kind).reshape(header["shape"]).copy()


def _limit_memory(more: int) -> None:
    """Let this process take no more than so many bytes beside what it has."""
    try:
        import resource
    except ImportError:  # no such limits on this system
        return
    try:
        pages = int(Path("/proc/self/statm").read_text("ascii").split()[0])
    except OSError:
        return
    most = pages * resource.getpagesize() + more
    resource.setrlimit(resource.RLIMIT_AS, (most, most))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))


def _serve(source: BinaryIO, sink: BinaryIO) -> None:
    from edgeprune.config import TargetConfig
    from edgeprune.devices.artifacts import quiet
    from edgeprune.export.formats import format_named

    job, _ = receive(source)
    form = format_named(job["format"]).open(TargetConfig.model_validate_json(job["target"]), quiet)
    _limit_memory(int(job["memory"]))
    run = form.run(Path(job["path"]))
    send(sink, {"ready": True})
    while True:
        outputs = [described(one) for one in run(array_of(*receive(source)))]
        send(sink, {"outputs": len(outputs)})
        for header, content in outputs:
            send(sink, header, content)


def main() -> None:
    """Serve until the other side goes away."""
    source, sink = sys.stdin.buffer, os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)  # what native code prints must not come between the answers
    try:
        _serve(source, sink)
    except EOFError:
        return
    except EdgepruneError as error:
        send(sink, {"refused": str(error)})
    except MemoryError:
        send(sink, {"failed": "it needs more memory than it may have"})
    except Exception as error:
        send(sink, {"failed": f"{type(error).__name__}: {error}"[:2000]})


if __name__ == "__main__":
    main()
