"""A drawer of boards, for tests and benchmarks: real processes with serial numbers and sensors.

As a script it is the Python of such a board: ``drawer.py FOLDER -u -c CODE``.
"""

import os
import signal
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any


@dataclass(frozen=True)
class Drawn:
    """A board that can be switched off and on, and that gets hot.

    Attributes:
        folder: its own; ``off`` in it refuses every connection.
    """

    folder: Path

    @classmethod
    def made(cls, folder: Path, serial: str | None = None) -> "Drawn":
        """A board that is on, and cool; its serial number is its folder's name."""
        for name, text in (
            ("firmware/devicetree/base/serial-number", serial or folder.name),
            ("class/thermal/thermal_zone0/temp", "50000"),
        ):
            path = folder / "sys" / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text)
        return cls(folder)

    @property
    def python(self) -> tuple[str, ...]:
        """The command that starts its Python."""
        return (sys.executable, __file__, str(self.folder))

    @property
    def profile(self) -> dict[str, Any]:
        """Of a target file."""
        return {
            "name": self.folder.name,
            "kind": "command",
            "command": {"python": list(self.python)},
            "measure": {"warmup": 2, "runs": 30, "timeout_s": 20},
            # What else this machine does makes its boards noisy at times.
            "patience": {"pause_s": 0.05, "away_s": 20.0, "cool_s": 1.0, "noisy": 1000.0},
        }

    @property
    def pid(self) -> int:
        """Of its worker, the last one that was started."""
        return int((self.folder / "pid").read_text())

    def kill(self) -> None:
        """Its worker dies."""
        os.kill(self.pid, signal.SIGKILL)

    def switch_off(self) -> None:
        """Its worker dies, and nobody answers any more."""
        (self.folder / "off").touch()
        self.kill()

    def switch_on(self) -> None:
        """It answers again."""
        (self.folder / "off").unlink()

    def heat(self, celsius: int) -> None:
        """Its sensor says so from now on."""
        (self.folder / "sys/class/thermal/thermal_zone0/temp").write_text(f"{celsius}000")


def main() -> None:
    """Become the interpreter, unless the board is off."""
    folder = Path(sys.argv[1])
    if (folder / "off").exists():
        sys.exit("ssh: connect to host board port 22: Connection refused")
    (folder / "pid").write_text(str(os.getpid()))
    os.environ["EDGEPRUNE_SYSFS"] = str(folder / "sys")
    os.execv(sys.executable, [sys.executable, *sys.argv[2:]])


if __name__ == "__main__":
    main()
