"""Cases in a process of their own, watched from outside: no crash, hang or leak gets further."""

import base64
import contextlib
import faulthandler
import hashlib
import json
import os
import random
import resource
import select
import shutil
import signal
import sys
import tempfile
import traceback
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import hypothesis
from hypothesis import HealthCheck, Phase, given, settings

from edgeprune.errors import EdgepruneError
from tests.fuzz.surface import Surface
from tests.fuzz.watching import Watch

#: What one case may take. On a machine that does much else it is given more time, as long as it
#: has not had half of it.
SECONDS = 10.0
_PATIENCE = 60
BYTES = 1 << 30
#: Cases in one process, and how many of them Hypothesis draws; the others are mutations.
BATCH = 400
DRAWN = 100


_DRAWING = settings(
    phases=[Phase.generate],
    database=None,
    deadline=None,
    suppress_health_check=list(HealthCheck),
)


@dataclass(frozen=True)
class Finding:
    """One input that was not met with one of edgeprune's own errors.

    Attributes:
        kind: ``exception``, ``hang``, ``crash``, ``memory``, ``write`` or ``message``.
        what: the same for findings with one cause.
        text: for a person.
        content: the input.
    """

    kind: str
    what: str
    text: str
    content: bytes

    def to_json(self) -> dict[str, str]:
        """Plain values, the input in base 64."""
        return {**vars(self), "content": base64.b64encode(self.content).decode()}


@dataclass
class Tally:
    """What came of some cases.

    Attributes:
        cases: how many were tried.
        accepted: inputs that were taken without an error.
        contained: crashes, hangs and errors of native code that edgeprune runs apart.
        findings: what should not be.
    """

    cases: int = 0
    accepted: int = 0
    contained: int = 0
    findings: list[Finding] = field(default_factory=list)

    def distinct(self) -> dict[str, Finding]:
        """One finding of each cause: the shortest."""
        ordered = sorted(self.findings, key=lambda one: len(one.content), reverse=True)
        return {one.what: one for one in ordered}


def fuzz(surface: Surface, cases: int, seed: int, tally: Tally | None = None) -> Tally:
    """Try a number of cases; the same ones for the same seed.

    Args:
        surface: the way in.
        cases: how many.
        seed: of all of them.
        tally: added to, if given.
    """
    tally, done, forks = tally or Tally(), 0, 0
    _warm_up(surface)
    while done < cases:
        wanted = min(BATCH, cases - done)
        drawn = wanted * DRAWN // BATCH
        for count, is_drawn in ((wanted - drawn, False), (drawn, True)):
            left = count
            while left > 0:
                part = _Part(seed, done, forks, left, is_drawn)
                tried = max(1, _in_child(surface, part, tally))
                done, left, forks = done + tried, left - tried, forks + 1
    return tally


def _warm_up(surface: Surface) -> None:
    """Have Hypothesis build its tables here, once, and not in every child."""
    settings(_DRAWING, max_examples=1)(given(surface.drawn())(lambda content: None))()


@dataclass(frozen=True)
class _Part:
    """Cases for one process."""

    seed: int
    first: int
    fork: int
    count: int
    drawn: bool


def _in_child(surface: Surface, part: _Part, tally: Tally) -> int:
    """Fork, watch, and count; gives how many cases were begun."""
    scratch = Path(tempfile.mkdtemp(prefix="edgeprune-fuzz-"))
    reader, writer = os.pipe()
    child = os.fork()
    if child == 0:
        os.close(reader)
        running = _Child(surface, part, scratch, writer)
        try:
            running.run()
        except BaseException as error:  # the harness' own
            running.found("exception", f"harness: {_place(error)}", repr(error)[:500], b"")
        os._exit(0)
    os.close(writer)
    try:
        return _watch(child, reader, scratch, tally)
    finally:
        os.close(reader)
        with contextlib.suppress(ProcessLookupError):
            os.kill(child, signal.SIGKILL)
        with contextlib.suppress(ChildProcessError):
            os.waitpid(child, 0)
        shutil.rmtree(scratch, ignore_errors=True)


def _watch(child: int, reader: int, scratch: Path, tally: Tally) -> int:
    begun, native, rest = 0, False, b""
    while True:
        ready = _waited(child, reader)
        data = os.read(reader, 1 << 16) if ready else b""
        if not data:
            break
        *lines, rest = (rest + data).split(b"\n")
        for line in lines:
            if line == b"case":
                begun, native, tally.cases = begun + 1, False, tally.cases + 1
            elif line == b"native":
                native = True
            elif line == b"accepted":
                tally.accepted += 1
            elif line == b"contained":
                tally.contained += 1
            else:
                record = json.loads(line)
                content = base64.b64decode(record.pop("content"))
                tally.findings.append(Finding(content=content, **record))
    if not ready:
        os.kill(child, signal.SIGKILL)
    status = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
    if ready and status == 0:
        return begun
    kind = "crash" if ready else "hang"
    if native:
        tally.contained += 1
    else:
        last = scratch / "last"
        content = last.read_bytes() if last.exists() else b""
        tally.findings.append(Finding(kind, kind, f"{kind}, exit status {status}", content))
    return begun


def _waited(child: int, reader: int) -> bool:
    """Wait for a case's next line; false where the case hangs."""
    before = _processor_seconds(child)
    for _ in range(_PATIENCE):
        if select.select([reader], [], [], SECONDS)[0]:
            return True
        if _processor_seconds(child) - before > SECONDS / 2:
            return False
    return False


def _processor_seconds(pid: int) -> float:
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


class _Child:
    """Runs cases in the forked process."""

    def __init__(self, surface: Surface, part: _Part, scratch: Path, writer: int) -> None:
        self._surface, self._part, self._writer = surface, part, writer
        self._last, self.folder = scratch / "last", scratch / "work"
        self.folder.mkdir()
        self._native = False
        self._watch = Watch(scratch)

    def found(self, kind: str, what: str, text: str, content: bytes) -> None:
        """Tell of a finding."""
        record: dict[str, Any] = Finding(kind, what, text, content).to_json()
        self._tell(json.dumps(record).encode())

    def run(self) -> None:
        faulthandler.disable()
        sys.dont_write_bytecode = True
        tempfile.tempdir = str(self.folder)
        os.chdir(self.folder)
        os.environ.update(TMPDIR=str(self.folder), HOME=str(self.folder))
        _silence()
        _limit_memory()
        signal.signal(signal.SIGINT, signal.SIG_DFL)
        part = self._part
        if part.drawn:
            self._drawn(part)
            return
        for number in range(part.first, part.first + part.count):
            generator = random.Random(f"{part.seed} {type(self._surface).__name__} {number}")
            self._case(self._surface.mutated(generator))

    def _drawn(self, part: _Part) -> None:
        name = f"{part.seed} {part.first} {part.fork}".encode()
        seed = int.from_bytes(hashlib.sha256(name).digest()[:8], "little")
        plain = settings(_DRAWING, max_examples=part.count)
        hypothesis.seed(seed)(plain(given(self._surface.drawn())(self._case)))()

    def _case(self, content: bytes) -> None:
        self._last.write_bytes(content)
        self._native = False
        self._tell(b"case")
        self._watch.begin()
        try:
            self._surface.case(content, self.folder, self._entering)
            self._tell(b"accepted")
        except BaseException as error:
            self._judge(error, content)
        for what in self._watch.end():
            self.found("write", f"write: {what}", what, content)

    def _entering(self) -> None:
        self._native = True
        self._tell(b"native")

    def _judge(self, error: BaseException, content: bytes) -> None:
        if any(isinstance(one, MemoryError) for one in _chain(error)) and not self._native:
            self.found("memory", f"memory: {_place(error)}", repr(error), content)
        elif isinstance(error, EdgepruneError):
            try:
                str(error).encode()
            except UnicodeEncodeError as unprintable:
                place = _place(error)
                self.found("message", f"message: {place}", repr(unprintable), content)
        elif self._native and isinstance(error, Exception):
            self._tell(b"contained")
        else:
            what = f"{type(error).__name__} at {_place(error)}"
            self.found("exception", what, repr(error)[:500], content)

    def _tell(self, line: bytes) -> None:
        data = line + b"\n"
        while data:
            data = data[os.write(self._writer, data) :]


def _chain(error: BaseException) -> list[BaseException]:
    found: list[BaseException] = []
    waiting: list[BaseException | None] = [error]
    while waiting:
        one = waiting.pop()
        if one is not None and one not in found:
            found.append(one)
            waiting += [one.__cause__, one.__context__]
    return found


def _place(error: BaseException) -> str:
    """The innermost line of edgeprune that an error went through."""
    frames = traceback.extract_tb(error.__traceback__)
    ours = [one for one in frames if f"{os.sep}edgeprune{os.sep}" in one.filename]
    last = (ours or frames)[-1]
    return f"{last.filename.rpartition('edgeprune' + os.sep)[2]}:{last.lineno}"


def _silence() -> None:
    """Native code complains on standard output and standard error."""
    nowhere = os.open(os.devnull, os.O_WRONLY)
    for stream in (1, 2):
        os.dup2(nowhere, stream)


def _limit_memory() -> None:
    pages = int(Path("/proc/self/statm").read_text().split()[0])
    most = pages * resource.getpagesize() + BYTES
    resource.setrlimit(resource.RLIMIT_AS, (most, most))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
