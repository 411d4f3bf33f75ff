"""What running a model takes of energy, by the device's own sensors; nothing is estimated.

Two kinds are known: counters of a processor's packages (RAPL, under ``class/powercap``), and the
shunts on a Jetson's power rails (INA3221), whose power is read again and again while models run.
"""

from __future__ import annotations

import glob
import os
import threading
import time
from collections.abc import Callable

from .conditions import SYSFS
from .failures import RuntimeMissing

#: Counters of whole packages; what has two colons is a part of one.
_RAPL = "/class/powercap/intel-rapl:[0-9]*"
#: Shunts of the whole board, by the name of the rail, and where kernels show them.
_RAILS = ("VDD_IN", "POM_5V_IN", "VIN_SYS_5V0", "VDD_IN_SYS")
_INA = "/bus/i2c/drivers/ina3221*/*/hwmon/hwmon*"
_OLD_INA = "/bus/i2c/drivers/ina3221x/*/iio:device*"
#: Between two readings of a shunt.
_PAUSE_S = 0.005


def joules(run: Callable[[], object], seconds: float) -> float:
    """Energy of one run, of the whole package or board, what it spends idle included.

    Args:
        run: runs a model once.
        seconds: to go on for, at least; one run at least.

    Raises:
        RuntimeMissing: the device has no sensor that can be read.
    """
    begin = _meter()
    run()  # what a first run costs more is no part of it
    end = begin()
    start, runs = time.perf_counter(), 0
    while runs == 0 or time.perf_counter() < start + seconds:
        run()
        runs += 1
    return end() / runs


def _meter() -> Callable[[], Callable[[], float]]:
    """Begins to measure; that gives a function that ends it and tells the joules."""
    refused = []
    counters = [path for path in sorted(glob.glob(SYSFS + _RAPL)) if path.count(":") == 1]
    for path in counters:
        try:
            _number(path + "/energy_uj")
        except OSError as error:
            refused.append(path + "/energy_uj (" + str(error.strerror) + ")")
    if counters and not refused:
        return lambda: _counted(counters)
    shunts = _shunts()
    if shunts:
        return lambda: _integrated(shunts)
    looked = refused or [SYSFS + path for path in (_RAPL, _INA, _OLD_INA)]
    raise RuntimeMissing(
        "the device has no energy sensor that can be read; looked for: " + ", ".join(looked)
    )


def _counted(packages: list[str]) -> Callable[[], float]:
    before = [_number(path + "/energy_uj") for path in packages]

    def end() -> float:
        total = 0.0
        for number, path in enumerate(packages):
            spent = _number(path + "/energy_uj") - before[number]
            if spent < 0:  # the counter has begun anew
                spent += _number(path + "/max_energy_range_uj")
            total += spent
        return total / 1e6

    return end


def _shunts() -> list[Callable[[], float]]:
    """Each gives the watts of the whole board, or of a part where no rail is the whole."""
    found = {}
    for folder in sorted(glob.glob(SYSFS + _INA)):
        for label in sorted(glob.glob(folder + "/in*_label")):
            number = os.path.basename(label)[2 : -len("_label")]
            found[_text(label)] = _by_hwmon(folder, number)
    for folder in sorted(glob.glob(SYSFS + _OLD_INA)):
        for name in sorted(glob.glob(folder + "/rail_name_*")):
            found[_text(name)] = _by_iio(folder, name.rpartition("_")[2])
    return [found[rail] for rail in _RAILS if rail in found][:1]


def _by_hwmon(folder: str, number: str) -> Callable[[], float]:
    def watts() -> float:
        volts = _number(folder + "/in" + number + "_input") / 1e3
        return volts * _number(folder + "/curr" + number + "_input") / 1e3

    return watts


def _by_iio(folder: str, number: str) -> Callable[[], float]:
    return lambda: _number(folder + "/in_power" + number + "_input") / 1e3


def _integrated(shunts: list[Callable[[], float]]) -> Callable[[], float]:
    readings: list[tuple[float, float]] = []
    stop = threading.Event()

    def read() -> None:
        readings.append((time.perf_counter(), sum(watts() for watts in shunts)))

    def watch() -> None:
        while not stop.wait(_PAUSE_S):
            read()

    read()
    watcher = threading.Thread(target=watch, daemon=True)
    watcher.start()

    def end() -> float:
        stop.set()
        read()
        last = time.perf_counter()
        watcher.join()
        seen = sorted(one for one in readings if one[0] <= last)
        total = 0.0
        for number in range(1, len(seen)):
            (earlier, before), (later, after) = seen[number - 1 : number + 1]
            total += (later - earlier) * (before + after) / 2
        return total

    return end


def _text(path: str) -> str:
    with open(path, encoding="utf-8", errors="replace") as file:
        return file.read().strip()


def _number(path: str) -> float:
    return float(_text(path))
