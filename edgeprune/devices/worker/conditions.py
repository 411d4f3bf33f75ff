"""What the machine is and how it stands: read from /proc and /sys, None where not readable."""

from __future__ import annotations

import glob
import hashlib
import json
import os
import platform
import time
from typing import Any

#: Where the kernel tells temperatures and clocks; a container may have it elsewhere.
SYSFS = os.environ.get("EDGEPRUNE_SYSFS", "/sys")


def machine() -> dict[str, Any]:
    """What does not change: processor, board, system, Python."""
    made, processor = _made_board(), _processor()
    return {
        "device_id": None if made["clock_kind"] != "real" else _device_id(),
        "cpu": _cpu_model(processor),
        "board": _read("/proc/device-tree/model"),
        "machine": platform.machine(),
        "vnni": "vnni" in processor.get("flags", ""),
        "cores": os.cpu_count(),
        "memory_bytes": _memory_bytes(),
        "system": platform.system() + " " + platform.release(),
        "python": platform.python_version(),
        "clock_resolution_ns": _clock_resolution_ns(),
        **made,
    }


def state() -> dict[str, Any]:
    """What changes while measuring: clock, governor, temperature, load; and the time here."""
    return {
        "clock_s": time.perf_counter(),
        "governor": _read(SYSFS + "/devices/system/cpu/cpu0/cpufreq/scaling_governor"),
        "frequency_mhz": _frequency_mhz(),
        "temperature_c": _temperature_c(),
        "load": _load(),
        "throttled": _throttled(),
        "power_mode": _read("/var/lib/nvpmodel/status"),
    }


def _memory_bytes() -> int | None:
    for line in (_read("/proc/meminfo") or "").splitlines():
        name, _, value = line.partition(":")
        if name == "MemTotal":
            return int(value.split()[0]) * 1024
    return None


def _made_board() -> dict[str, Any]:
    """What a board that was made on a desk says of itself: that its clock is not a real one."""
    text = _read("/etc/edgeprune-board.json")
    return json.loads(text) if text else {"clock_kind": "real", "emulated": False}


def _device_id() -> str | None:
    """Tells this device from others of its make, and nothing else; cards are copied, serials not.

    Of the board's serial number, or of the addresses of its network hardware and the system's id.
    """
    found = [_read(SYSFS + "/firmware/devicetree/base/serial-number")]
    if not found[0]:
        cards = sorted(glob.glob(SYSFS + "/class/net/*/device"))
        found = [_read(os.path.dirname(card) + "/address") for card in cards]
        found += [_read("/etc/machine-id")]
    parts = [part for part in found if part]
    if not parts:
        return None
    return hashlib.sha256("\n".join(["edgeprune", *parts]).encode()).hexdigest()[:16]


def _clock_resolution_ns() -> int:
    """The smallest step the clock was seen to make."""
    steps = []
    for _ in range(20):
        start = end = time.perf_counter_ns()
        while end == start:
            end = time.perf_counter_ns()
        steps.append(end - start)
    return min(steps)


def _throttled() -> bool | None:
    """A Raspberry Pi's firmware: under-voltage, capped or throttled at this moment."""
    for path in glob.glob(SYSFS + "/devices/platform/soc/soc:firmware/get_throttled"):
        text = _read(path)
        if text:
            return int(text, 16) & 0xF != 0
    return None


def _read(path: str) -> str | None:
    try:
        with open(path, encoding="utf-8", errors="replace") as file:
            return file.read().strip("\0\n ") or None
    except OSError:
        return None


def _processor() -> dict[str, str]:
    """What the system tells of the first processor."""
    fields: dict[str, str] = {}
    for line in (_read("/proc/cpuinfo") or "").splitlines():
        key, _, value = line.partition(":")
        fields.setdefault(key.strip().lower(), value.strip())
    return fields


def _cpu_model(fields: dict[str, str]) -> str:
    if fields.get("model name"):
        return fields["model name"]
    if "cpu part" in fields:
        return "implementer {} part {}".format(fields.get("cpu implementer"), fields["cpu part"])
    return platform.processor() or platform.machine()


def _frequency_mhz() -> float | None:
    text = _read(SYSFS + "/devices/system/cpu/cpu0/cpufreq/scaling_cur_freq")
    return int(text) / 1000 if text and text.isdigit() else None


def _temperature_c() -> float | None:
    hottest: list[int] = []
    for path in glob.glob(SYSFS + "/class/thermal/thermal_zone*/temp"):
        text = _read(path)
        if text and text.lstrip("-").isdigit():
            hottest.append(int(text))
    return max(hottest) / 1000 if hottest else None


def _load() -> float | None:
    try:
        return os.getloadavg()[0]
    except (AttributeError, OSError):
        return None
