"""Run a command in namespaces of its own in which ARM programs run through qemu.

    python namespace.py [--offline] COMMAND...

Needs Linux 6.7 or later (binfmt_misc for each user namespace), root, and qemu-user-static. The
machine's own table of formats stays as it is, and everything ends with this process.
"""

import ctypes
import os
import signal
import sys
from pathlib import Path

_NEW_USER, _NEW_MOUNTS, _NEW_PIDS, _NEW_NETWORK = 0x10000000, 0x00020000, 0x20000000, 0x40000000
_PRIVATE = 0x44000  # MS_REC | MS_PRIVATE
_DIE_WITH_PARENT, _SIGKILL = 1, 9
_FORMATS = Path("/proc/sys/fs/binfmt_misc")
_libc = ctypes.CDLL(None, use_errno=True)


def _check(result: int) -> None:
    if result != 0:
        number = ctypes.get_errno()
        raise OSError(number, os.strerror(number))


def _mount(kind: bytes, where: bytes) -> None:
    _check(_libc.mount(kind, where, kind, 0, None))


def _register() -> None:
    for name in ("aarch64", "arm"):
        rule = Path(f"/usr/lib/binfmt.d/qemu-{name}.conf").read_text().strip()
        # F: opened now, so that it is found inside of any root.
        (_FORMATS / "register").write_text(rule.rsplit(":", 1)[0] + ":FOCP")


def _waited(process: int) -> int:
    """The exit code of a process that is asked to end when this one is."""
    signal.signal(signal.SIGTERM, lambda *_: os.kill(process, signal.SIGTERM))
    return os.waitstatus_to_exitcode(os.waitpid(process, 0)[1])


def _inside(command: list[str], more: int, ready: int, mapped: int) -> None:
    """In the child: enter the namespaces, then become the command; does not return."""
    _check(_libc.unshare(_NEW_USER | _NEW_MOUNTS | _NEW_PIDS | more))
    os.write(ready, b"x")
    os.read(mapped, 1)
    _check(_libc.prctl(_DIE_WITH_PARENT, _SIGKILL, 0, 0, 0))
    process = os.fork()  # the first process of the new process table
    if process:
        os._exit(_waited(process) & 0xFF)
    _check(_libc.prctl(_DIE_WITH_PARENT, _SIGKILL, 0, 0, 0))
    _check(_libc.mount(b"none", b"/", None, _PRIVATE, None))
    _mount(b"proc", b"/proc")
    _mount(b"binfmt_misc", str(_FORMATS).encode())
    _register()
    os.execvp(command[0], command)


def main(words: list[str]) -> int:
    """Run a command there; its exit code.

    Without a network of the machine's a daemon may give its containers one of their own.
    """
    offline = words[:1] == ["--offline"]
    command, more = (words[1:], _NEW_NETWORK) if offline else (words, 0)
    ready, tell_ready = os.pipe()
    mapped, tell_mapped = os.pipe()
    child = os.fork()
    if child == 0:
        os.close(ready)
        os.close(tell_mapped)
        try:
            _inside(command, more, tell_ready, mapped)
        finally:
            os._exit(127)
    os.close(tell_ready)
    os.read(ready, 1)
    for name in ("uid_map", "gid_map"):
        Path(f"/proc/{child}/{name}").write_text("0 0 65536\n")
    os.write(tell_mapped, b"x")
    return _waited(child)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
