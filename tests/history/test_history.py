import sqlite3
import stat
import subprocess
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from edgeprune.devices import open_device
from edgeprune.errors import MeasurementError
from edgeprune.history import (
    History,
    HistoryError,
    KernelLatency,
    Staircase,
    target_facts,
    target_key,
)
from tests.devices.targets import simulated

WRITER = Path(__file__).with_name("writer.py")


@pytest.fixture
def url(tmp_path: Path) -> str:
    return str(tmp_path / "data" / "history.db")


def _kernel(ms: float = 1.5, **changes: object) -> KernelLatency:
    return KernelLatency({"kind": "conv", "in": 8, **changes}, ms, (0.9 * ms, 1.1 * ms), 30)


def test_what_was_recorded_is_there_when_opened_again(url: str) -> None:
    kernels = [_kernel(), _kernel(kind="depthwise")]
    found = {"conv": Staircase(8, 0.25), "linear": Staircase(1, 0.0)}
    with History.open(url) as history:
        history.target("a", {"cpu": "x"})
        history.record_kernels("a", kernels)
        history.record_multiples("a", found)
    with History.open(url) as history:
        assert sorted(history.kernels("a"), key=lambda one: one.signature["kind"]) == kernels
        assert history.multiples("a") == found
        assert history.targets() == {"a": {"cpu": "x"}}
        assert history.kernels("b") == [] and history.multiples("b") == {}


def test_recording_twice_keeps_one_and_the_latest(url: str) -> None:
    late = datetime.now(UTC)
    old = KernelLatency({"in": 8, "kind": "conv"}, 9.0, (8.0, 10.0), 30, late - timedelta(days=1))
    with History.open(url) as history:
        for _ in range(2):
            history.target("a", {"cpu": "x"})
            history.record_kernels("a", [_kernel(1.0)])
        history.record_kernels("a", [_kernel(2.0)])
        history.record_kernels("a", [old])
        (kernel,) = history.kernels("a")
    assert kernel.median_ms == 2.0


def test_processes_write_at_once_without_loss(url: str) -> None:
    count, writers = 100, 3
    processes = [
        subprocess.Popen(
            [sys.executable, str(WRITER), url, str(number * count), str(count)],
            stderr=subprocess.PIPE,
            text=True,
        )
        for number in range(writers)
    ]
    for process in processes:
        _, errors = process.communicate(timeout=120)
        assert process.returncode == 0, errors
    with History.open(url) as history:
        numbers = {kernel.signature["number"] for kernel in history.kernels("shared")}
    assert numbers == set(range(writers * count))


def test_a_newer_schema_is_refused_by_name(url: str) -> None:
    History.open(url).close()
    with sqlite3.connect(url) as database:
        database.execute("UPDATE history_schema SET version = 99")
    database.close()
    with pytest.raises(HistoryError, match=r"newer edgeprune \(version 99.*update edgeprune"):
        History.open(url)


def test_a_file_that_is_no_database_is_named(tmp_path: Path) -> None:
    path = tmp_path / "notes.txt"
    path.write_text("no database " * 100)
    with pytest.raises(HistoryError, match=r"notes\.txt cannot be used: file is not a database"):
        History.open(str(path))
    with pytest.raises(HistoryError, match="cannot be opened: Is a directory"):
        History.open(str(tmp_path))


@pytest.mark.parametrize(
    "wrong", ["none", "OFF", "mysql://host/name", "://", "sqlite://", "what://x"]
)
def test_a_wrong_address_is_refused(wrong: str) -> None:
    with pytest.raises(HistoryError, match="file"):
        History.open(wrong)


def test_a_password_is_never_shown() -> None:
    with pytest.raises(HistoryError) as caught:
        History.open("postgresql+psycopg://me:secret@127.0.0.1:9/none")
    assert "secret" not in str(caught.value)


def test_only_the_user_may_read_it(url: str) -> None:
    with History.open(url) as history:
        history.target("a", {})
        files = list(Path(url).parent.iterdir())
        assert Path(url) in files
        assert {stat.S_IMODE(file.stat().st_mode) for file in files} == {0o600}
        assert stat.S_IMODE(Path(url).parent.stat().st_mode) == 0o700


def test_the_variable_and_the_data_folder_say_where(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path))
    monkeypatch.delenv("EDGEPRUNE_HISTORY", raising=False)
    History.open().close()
    assert (tmp_path / "edgeprune" / "history.db").is_file()
    monkeypatch.setenv("EDGEPRUNE_HISTORY", f"sqlite:///{tmp_path / 'own.db'}")
    History.open().close()
    assert (tmp_path / "own.db").is_file()


def test_records_of_an_unknown_target_are_refused(url: str) -> None:
    with History.open(url) as history, pytest.raises(HistoryError, match="no target 'nobody'"):
        history.record_kernels("nobody", [_kernel()])


@pytest.mark.parametrize("ms", [0.0, -1.0, float("nan"), float("inf")])
def test_what_is_no_latency_is_refused(ms: float) -> None:
    with pytest.raises(MeasurementError, match="no latency"):
        _kernel(ms)


def test_the_key_tells_devices_and_settings_apart() -> None:
    def key(batch: int = 1, **model: float) -> str:
        return target_key(target_facts(open_device(simulated(**model)).conditions(), batch))

    assert key() == key()
    assert len({key(), key(batch=2), key(staircase=4), key(ns_per_mac=1.0)}) == 4
