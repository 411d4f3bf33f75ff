"""Energy by the device's own sensors: trees like the kernel's, whose counters really count."""

import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from edgeprune.devices import open_device
from edgeprune.devices.known_net import small_net
from edgeprune.devices.meters import Meter
from edgeprune.devices.worker import energy
from edgeprune.devices.worker.failures import RuntimeMissing
from edgeprune.errors import TargetError
from tests.devices.targets import local

_WATTS = 10.0


@pytest.fixture
def rapl(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A package whose counter grows by 10 W, with a part of it that must not count twice."""
    package = tmp_path / "class/powercap/intel-rapl:0"
    for folder in (package, tmp_path / "class/powercap/intel-rapl:0:0"):
        folder.mkdir(parents=True)
        (folder / "energy_uj").write_text("0")
        (folder / "max_energy_range_uj").write_text("100000000")
    stop, start = threading.Event(), time.perf_counter()

    def count() -> None:
        while not stop.wait(0.001):
            spent = int(1e6 * _WATTS * (time.perf_counter() - start))
            new = package / "energy_uj.new"
            new.write_text(str(spent % 100_000_000))
            new.replace(package / "energy_uj")

    counter = threading.Thread(target=count)
    counter.start()
    monkeypatch.setattr(energy, "SYSFS", str(tmp_path))
    yield tmp_path
    stop.set()
    counter.join()


class _Timed:
    """Sleeps, and knows how long: a busy machine wakes it late."""

    def __init__(self) -> None:
        self._took: list[float] = []

    def __call__(self) -> None:
        start = time.perf_counter()
        time.sleep(0.02)
        self._took.append(time.perf_counter() - start)

    @property
    def mean_s(self) -> float:
        return sum(self._took[1:]) / len(self._took[1:])


def test_a_runs_joules_are_power_times_its_time(rapl: Path) -> None:
    run = _Timed()
    found = energy.joules(run, 0.2)
    assert found == pytest.approx(_WATTS * run.mean_s, rel=0.3)


def test_a_counter_that_begins_anew_is_followed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    package = tmp_path / "class/powercap/intel-rapl:0"
    package.mkdir(parents=True)
    (package / "max_energy_range_uj").write_text("1000")
    (package / "energy_uj").write_text("900")
    monkeypatch.setattr(energy, "SYSFS", str(tmp_path))
    counts = iter(("950", "100"))  # the first run is not counted
    found = energy.joules(lambda: (package / "energy_uj").write_text(next(counts)), 0.0)
    assert found == pytest.approx(150e-6)


def test_a_jetsons_whole_board_is_integrated(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    shunts = tmp_path / "bus/i2c/drivers/ina3221/1-0040/hwmon/hwmon3"
    shunts.mkdir(parents=True)
    for number, (rail, volts, amperes) in enumerate(
        [("VDD_IN", 5000, 2000), ("VDD_CPU_GPU_CV", 5000, 1000)], 1
    ):
        (shunts / f"in{number}_label").write_text(f"{rail}\n")
        (shunts / f"in{number}_input").write_text(f"{volts}\n")
        (shunts / f"curr{number}_input").write_text(f"{amperes}\n")
    monkeypatch.setattr(energy, "SYSFS", str(tmp_path))
    run = _Timed()
    assert energy.joules(run, 0.1) == pytest.approx(10.0 * run.mean_s, rel=0.3)


def test_no_sensor_says_what_was_looked_for(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(energy, "SYSFS", str(tmp_path))
    with pytest.raises(RuntimeMissing, match=r"looked for: .*powercap.*ina3221"):
        energy.joules(lambda: None, 0.0)


def test_the_worker_measures_it_where_the_device_tells(
    rapl: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("EDGEPRUNE_SYSFS", str(rapl))
    monkeypatch.setattr("edgeprune.devices.remote._ENERGY_S", 0.2)
    with open_device(local()) as device:
        assert isinstance(device, Meter)
        assert 0 < device.energy(small_net(16)) < device.energy(small_net(128))


def test_the_worker_refuses_without_a_sensor(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("EDGEPRUNE_SYSFS", str(tmp_path))
    with open_device(local()) as device:
        assert isinstance(device, Meter)
        with pytest.raises(TargetError, match="no energy sensor"):
            device.energy(small_net(16))
