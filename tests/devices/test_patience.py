"""Devices that fail while they measure: waited for, tried again, and in the end told."""

import os
import re
import shutil
import signal
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from edgeprune.config import MeasureConfig, TargetConfig
from edgeprune.config.patience import PatienceConfig
from edgeprune.config.reach import CommandConfig
from edgeprune.config.target import EnvironmentConfig
from edgeprune.devices import PatientDevice, open_patiently
from edgeprune.devices.remote import RemoteDevice
from edgeprune.errors import DeviceFailedError, MeasurementError, TargetError, UnsteadyError
from edgeprune.testing.devices import small_net
from edgeprune.testing.flaky import FAULTS
from edgeprune.testing.sshd import NEEDS_SSHD, make_key, ssh_server
from tests.devices.processes import is_gone_soon

BREAKING = Path(__file__).with_name("breaking_python.py")
QUICK = {"pause_s": 0.01, "away_s": 20.0, "cool_s": 2.0}


@pytest.fixture
def plan(tmp_path: Path) -> Path:
    path = tmp_path / "plan"
    path.write_text("")
    return path


@pytest.fixture
def told() -> list[str]:
    return []


def breaking(plan: Path, *, timeout_s: float = 20, **patience: Any) -> TargetConfig:
    return TargetConfig(
        name="frail",
        kind="command",
        command=CommandConfig(python=(sys.executable, str(BREAKING), str(plan))),
        measure=MeasureConfig(warmup=2, runs=30, timeout_s=timeout_s),
        patience=PatienceConfig(**(QUICK | patience)),
    )


def _compare(device: PatientDevice) -> float:
    return device.compare(small_net(8), small_net(64)).ratio


@pytest.mark.parametrize("fault", ["reset", "garbage", "huge", "half", "hang"])
def test_a_connection_that_breaks_twice_costs_no_measurement(
    fault: str, plan: Path, told: list[str]
) -> None:
    timeout_s = 1.0 if fault == "hang" else 20.0
    with open_patiently(breaking(plan, timeout_s=timeout_s), told.append) as device:
        device.conditions()
        plan.write_text(f"{fault}\n" * 2)
        _restarted(device)
        assert _compare(device) < 1
    assert plan.read_text() == ""
    assert told and all("frail" in line and "more tr" in line for line in told)


def _restarted(device: PatientDevice) -> None:
    """The relay reads its plan when it starts."""
    inner = device._device
    assert isinstance(inner, RemoteDevice)
    inner._drop()


def test_after_the_last_try_the_error_has_the_fault_s_name(plan: Path, told: list[str]) -> None:
    with open_patiently(breaking(plan, retries=1), told.append) as device:
        plan.write_text("garbage\n" * 4)
        _restarted(device)
        with pytest.raises(
            DeviceFailedError,
            match=r"lost again: .*(garbage on the connection|it began an answer of)",
        ):
            _compare(device)
        assert len(told) == 1 and "one more try" in told[0]
        assert _compare(device) < 1


def test_a_board_that_reboots_is_waited_for(plan: Path, told: list[str]) -> None:
    with open_patiently(breaking(plan), told.append) as device:
        plan.write_text("down")
        _restarted(device)
        back = threading.Timer(1.0, plan.write_text, ("",))
        back.start()
        start = time.monotonic()
        assert _compare(device) < 1
        assert time.monotonic() - start > 1
    assert "Connection refused; waiting for it, 0 of at most 20 s" in told[0]
    assert re.fullmatch(r"target 'frail' is back after \d+ s", told[1])
    assert len(told) == 2


def test_a_board_that_stays_away_is_told_once_its_time_is_over(plan: Path, told: list[str]) -> None:
    with open_patiently(breaking(plan, away_s=0.5), told.append) as device:
        plan.write_text("down")
        _restarted(device)
        with pytest.raises(MeasurementError, match=r"refused; it was waited for 0\.5 s .*away_s"):
            _compare(device)


def test_a_target_that_was_never_reached_is_an_error_at_once(plan: Path) -> None:
    plan.write_text("down")
    start = time.monotonic()
    with pytest.raises(TargetError, match="could not be started"):
        open_patiently(breaking(plan))
    assert time.monotonic() - start < 5


def test_closing_ends_the_wait(plan: Path, told: list[str]) -> None:
    device = open_patiently(breaking(plan, pause_s=60.0, away_s=600.0), told.append)
    plan.write_text("down")
    _restarted(device)
    threading.Timer(0.3, device.close).start()
    start = time.monotonic()
    with pytest.raises(TargetError, match="has been closed"):
        _compare(device)
    assert time.monotonic() - start < 5


def test_closing_while_it_measures_leaves_no_worker(plan: Path) -> None:
    device = open_patiently(breaking(plan))
    inner = device._device
    assert isinstance(inner, RemoteDevice)
    threading.Timer(0.3, device.close).start()
    with pytest.raises(TargetError, match="has been closed"):
        device.compare(small_net(64, size=96, note="a"), small_net(64, size=96, note="b"))
    assert is_gone_soon(inner.worker_pid)


def test_what_the_candidate_is_to_blame_for_is_not_tried_again(plan: Path, told: list[str]) -> None:
    with (
        open_patiently(breaking(plan), told.append) as device,
        pytest.raises(MeasurementError, match="cannot load the model"),
    ):
        device.compare(b"no model", small_net(8))
    assert told == []


@pytest.fixture
def zone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """The temperature of this machine, as its workers read it."""
    folder = tmp_path / "sys/class/thermal/thermal_zone0"
    folder.mkdir(parents=True)
    monkeypatch.setenv("EDGEPRUNE_SYSFS", str(tmp_path / "sys"))
    (folder / "temp").write_text("95000\n")
    yield folder / "temp"
    shutil.rmtree(tmp_path / "sys")


def _hot(plan: Path, **patience: Any) -> TargetConfig:
    limit = EnvironmentConfig(max_temperature_c=80)
    return breaking(plan, **patience).model_copy(update={"environment": limit})


def test_a_hot_board_gets_time_to_cool(plan: Path, zone: Path, told: list[str]) -> None:
    def note(text: str) -> None:
        told.append(text)
        threading.Timer(0.5, zone.write_text, ("60000\n",)).start()

    with open_patiently(_hot(plan), note) as device:
        start = time.monotonic()
        found = device.compare(small_net(8), small_net(64))
        assert time.monotonic() - start > 0.5
    assert found.candidate.conditions["after"]["temperature_c"] == 60
    assert len(told) == 1 and "is at 95 degrees; its profile allows 80" in told[0]


def test_a_board_that_does_not_cool_gives_no_number(
    plan: Path, zone: Path, told: list[str]
) -> None:
    with (
        open_patiently(_hot(plan, retries=1, cool_s=0.3), told.append) as device,
        pytest.raises(UnsteadyError, match="is at 95 degrees"),
    ):
        _compare(device)
    assert len(told) == 1


@NEEDS_SSHD
def test_another_host_key_on_the_way_back_is_no_reason_to_wait(
    tmp_path: Path, told: list[str]
) -> None:
    with ssh_server(tmp_path, sys.executable) as server:
        target = TargetConfig(
            name="board",
            kind="ssh",
            ssh=server.config,
            measure=MeasureConfig(warmup=2, runs=30, timeout_s=20),
            patience=PatienceConfig(**QUICK),
        )
        with open_patiently(target, told.append) as device:
            other = make_key(tmp_path / "other")
            (tmp_path / "known_hosts").write_text(f"[127.0.0.1]:{server.config.port} {other}")
            for pid in server.sessions():
                os.kill(pid, signal.SIGKILL)
            start = time.monotonic()
            with pytest.raises(TargetError, match="not the one that is known") as caught:
                _compare(device)
            assert type(caught.value) is TargetError and time.monotonic() - start < 5
    assert told == []


class _Failing:
    """A device that always fails in the same way."""

    def __init__(self, error: Exception) -> None:
        self.error, self.tries = error, 0

    def compare(self, candidate: bytes, baseline: bytes) -> Any:
        self.tries += 1
        raise self.error

    def conditions(self) -> dict[str, Any]:
        return {}


@pytest.mark.parametrize("error", FAULTS[:3], ids=str)
@pytest.mark.parametrize("retries", [0, 2])
def test_tries_are_counted(error: Exception, retries: int, plan: Path) -> None:
    failing = _Failing(error)
    device = PatientDevice(failing, breaking(plan, retries=retries, cool_s=0.1))  # type: ignore[arg-type]
    with pytest.raises(type(error)):
        device.compare(b"", b"")
    assert failing.tries == 1 + retries


def test_one_that_answers_but_is_away_for_measuring_is_not_tried_for_ever(plan: Path) -> None:
    failing = _Failing(FAULTS[3])
    device = PatientDevice(failing, breaking(plan, away_s=0.2))  # type: ignore[arg-type]
    with pytest.raises(MeasurementError, match="it was waited for"):
        device.compare(b"", b"")
