"""Workers that answer nonsense, too much, or for ever: each is an error with a name, in time."""

import time
from pathlib import Path
from typing import Any

import pytest

from edgeprune.config import MeasureConfig, TargetConfig
from edgeprune.devices import remote
from edgeprune.devices.reach import interpreter_of
from edgeprune.devices.remote import RemoteDevice
from edgeprune.devices.runtimes import RuntimeSpec
from edgeprune.errors import DeviceFailedError, MeasurementError, TargetError
from tests.devices.processes import is_gone_soon, is_running


def odd(monkeypatch: pytest.MonkeyPatch, how: str, file: Path, **measure: Any) -> RemoteDevice:
    """A device on this machine whose worker is `odd_runtime`'s."""
    spec = RuntimeSpec(
        "odd",
        ("onnx",),
        "tests.devices.odd_runtime",
        lambda target: {"how": how, "file": str(file)},
    )
    monkeypatch.setattr(remote, "runtime_of", lambda target: spec)
    settings = {"warmup": 2, "runs": 30, "timeout_s": 20} | measure
    target = TargetConfig(name="odd", kind="local", measure=MeasureConfig(**settings))
    return RemoteDevice(target, interpreter_of(target))


def test_without_a_whim_it_measures(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    with odd(monkeypatch, "", tmp_path) as device:
        assert device.compare(b"a" * 1000, b"b" * 20_000).ratio < 1


@pytest.mark.parametrize(
    ("how", "said"),
    [
        ("measure empty", r"asked for 2 pairs and answered with \[0\] times"),
        ("measure more", r"asked for 2 pairs and answered with \[4\] times"),
        ("measure uneven", r"answered with \[1, 2\] times"),
        ("measure texts", r"answered 'measure' with candidate\.0 = '.*x1b]0;title.*number"),
        ("measure nothing", r"answered 'measure' with candidate = \{\}: Field required"),
        ("measure bytes", "it began an answer of 73,400,.* bytes; allowed: 67,108,864"),
        ("build nan", r"answered 'build' with build_ms = nan"),
        ("build negative", r"answered 'build' with build_ms = -1\.0"),
        ("build none", r"answered 'build' with build_ms = None"),
        ("build memory", "the device is out of memory"),
        ("state hot", r"answered 'state' with temperature_c = 'hot'"),
        ("state jump", r"the device's clock went on by 3\.6e\+03 s in 0\..* it jumped"),
        ("answer number", r"answered 'build' with a int; expected: a dict"),
        ("answer missing", "lacks what it was sent"),
        ("answer unknown", "asked for '0000.*', which it was never told of"),
        ("answer failure", r"answered 'build' with failure = 3"),
        ("answer nested", r"answered 'build' with build_ms = \[\[\[\["),
        ("answer kill", "lost again: killed by SIGKILL, as by a device that runs out of memory"),
    ],
)
def test_nonsense_has_a_name_and_the_worker_goes(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, how: str, said: str
) -> None:
    with odd(monkeypatch, how, tmp_path) as device:
        worker = device.worker_pid
        with pytest.raises(DeviceFailedError, match=said) as caught:
            device.compare(b"a" * 1000, b"b" * 20_000)
        assert "\x1b" not in str(caught.value)
        if "answered" in said and not how.startswith("measure"):
            assert is_gone_soon(worker)


def test_outputs_that_do_not_fit_their_shape(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    with (
        odd(monkeypatch, "outputs", tmp_path) as device,
        pytest.raises(DeviceFailedError, match="outputs are no arrays"),
    ):
        device.outputs(b"a")


def test_what_it_says_of_itself_is_checked(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    with pytest.raises(TargetError, match=r"answered 'start' with version = \['.x1b\[31m', 7\]"):
        odd(monkeypatch, "fact", tmp_path)


def test_the_whole_comparison_has_a_limit(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    start = time.monotonic()
    with odd(monkeypatch, "measure slow", tmp_path, warmup=1000, limit_s=1) as device:
        worker = device.worker_pid
        with pytest.raises(MeasurementError, match=r"within 1 s; .* 'measure' \(measure\.limit_s"):
            device.compare(b"a" * 1000, b"b" * 20_000)
        assert time.monotonic() - start < 5
        assert not is_running(worker)


def test_another_version_after_a_loss_is_another_device(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    import os
    import signal

    with odd(monkeypatch, "version", tmp_path) as device:
        os.kill(device.worker_pid, signal.SIGKILL)
        with pytest.raises(TargetError, match=r"came back with version '.*', it had '.*': latenc"):
            device.compare(b"a" * 1000, b"b" * 20_000)
