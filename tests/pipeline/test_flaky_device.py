"""Runs on devices that fail: all trials complete, and a person is told what was set aside."""

import itertools
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

import edgeprune as ep
from edgeprune.config import MeasureConfig, TargetConfig
from edgeprune.config.patience import PatienceConfig
from edgeprune.devices import PatientDevice, remote
from edgeprune.devices.reach import interpreter_of
from edgeprune.devices.remote import RemoteDevice
from edgeprune.devices.runtimes import RuntimeSpec
from edgeprune.errors import MeasurementError
from edgeprune.pipeline import session
from edgeprune.search import make_sampler, read_entries, read_trials, run_search
from edgeprune.testing.flaky import FAULTS, FlakyDevice, flaky_search, lost, measured_on, network
from edgeprune.testing.samplers import SmallNet, accuracy_reward

IMPATIENT = PatienceConfig(retries=0, pause_s=0, cool_s=0, away_s=0.01)
#: A run that trains next to nothing.
SHORT = (
    "search.sampler=knapsack",
    "search.trials=6",
    "search.curves_s=0",
    "finetune.epochs=0",
    "workload.train.epochs=1",
)


@pytest.mark.parametrize("retries", [0, 3])
def test_100_trials_on_a_device_that_fails_20_percent_of_the_time(
    tmp_path: Path, retries: int
) -> None:
    found, device = flaky_search(tmp_path, 100, 0.2, retries=retries)
    assert device.failures > 10
    assert lost(tmp_path, found, 100) == 0
    assert [one.number for one in found.trials] == list(range(100))
    assert bool(found.set_aside) == (retries == 0)


def test_a_worker_that_really_dies(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    deaths = tmp_path / "deaths"
    deaths.write_text(" ".join(["40"] * 9 + ["100"] * 3))
    spec = RuntimeSpec(
        "odd",
        ("onnx",),
        "tests.devices.odd_runtime",
        lambda target: {"how": "dies", "file": str(deaths)},
    )
    monkeypatch.setattr(remote, "runtime_of", lambda target: spec)
    target = TargetConfig(
        name="dying",
        kind="local",
        measure=MeasureConfig(warmup=2, runs=30),
        patience=PatienceConfig(retries=1, pause_s=0),
    )
    net, told = SmallNet(), list[str]()
    problem = net.problem()
    worker = RemoteDevice(target, interpreter_of(target))
    with PatientDevice(worker, target, told.append) as device:
        found = run_search(
            problem,
            make_sampler("random", problem, 0, 8, {}),
            measured_on(device.compare, net),
            accuracy_reward,
            trials=8,
            directory=tmp_path / "search",
        )
    assert deaths.read_text() == ""
    # The first nine deaths come before a comparison can end: two a try, two tries a candidate.
    assert len(found.set_aside) == 2 and "killed by SIGKILL" in found.set_aside[0].reason
    assert len(found.trials) == 8 == len({tuple(one.widths.values()) for one in found.trials})
    for trial in found.trials:
        assert trial.outcome.latency_ratio == pytest.approx(
            _busy(net, trial.widths) / _busy(net, problem.full), rel=0.3
        )
    assert told and all("one more try" in line for line in told)


def _busy(net: SmallNet, widths: dict[str, int]) -> float:
    return 20_000 + 5 * len(network(net, widths))


@contextmanager
def _on(
    monkeypatch: pytest.MonkeyPatch, failing: Any, crowded: Any = lambda: False
) -> Iterator[None]:
    """Runs inside have a simulated device that fails, or is crowded, as told."""

    def opened(target: TargetConfig, note: Any) -> PatientDevice:
        impatient = target.model_copy(update={"patience": IMPATIENT})
        flaky = FlakyDevice(impatient, 0.0, seed=1, faults=FAULTS[:1])
        flaky.fails, flaky.crowded = failing, crowded
        return PatientDevice(flaky, impatient, note)

    with monkeypatch.context() as patch:
        patch.setattr(session, "open_patiently", opened)
        yield


def test_the_console_the_log_and_the_report_tell_of_it(
    tiny_pipeline: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    with _on(monkeypatch, _DuringSearch(tmp_path / "run", range(1, 3))):
        result = ep.run(tiny_pipeline, run_dir=tmp_path / "run", overrides=SHORT)
    assert len(result.trials) == 6
    aside = [one for one in read_entries(tmp_path / "run" / "search") if hasattr(one, "reason")]
    assert len(aside) == 2
    line = f"search: a candidate is set aside and counts for nothing: {aside[0].reason}"
    assert line in " ".join(capsys.readouterr().err.split())
    assert line in (tmp_path / "run" / "log.txt").read_text()
    page = (tmp_path / "run" / "report.html").read_text()
    assert "2 candidates were set aside in the searches" in page


class _DuringSearch:
    """Fails at some comparisons after the search has begun."""

    def __init__(self, run_dir: Path, places: Any) -> None:
        self._log, self._places, self._place = run_dir / "log.txt", places, -1

    def __call__(self) -> bool:
        if "search knapsack: started" not in self._log.read_text():
            return False
        self._place += 1
        return self._place in self._places


def test_a_device_that_fails_for_good_ends_the_run_and_a_resume_completes_it(
    tiny_pipeline: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run_dir = tmp_path / "run"
    with (
        _on(monkeypatch, _DuringSearch(run_dir, range(2, 10**6))),
        pytest.raises(MeasurementError, match=r"5 candidates in a row .*edgeprune resume .*run"),
    ):
        ep.run(tiny_pipeline, run_dir=run_dir, overrides=SHORT, progress=False)
    before = read_trials(run_dir / "search")
    assert len(before) == 2
    result = ep.resume(run_dir, progress=False)
    assert result.trials[:2] == before
    keys = [tuple(one.widths.values()) for one in result.trials]
    assert len(set(keys)) == len(keys) == 6


def test_ratios_that_cannot_be_are_measured_once_more(
    tiny_pipeline: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    undisturbed = ep.run(tiny_pipeline, run_dir=tmp_path / "quiet", overrides=SHORT, progress=False)
    run_dir = tmp_path / "run"
    asked = itertools.count()
    with _on(monkeypatch, lambda: False, lambda: next(asked) % 4 == 0):
        result = ep.run(tiny_pipeline, run_dir=run_dir, overrides=SHORT, progress=False)
    assert [one.outcome.latency_ratio for one in result.trials] == [
        one.outcome.latency_ratio for one in undisturbed.trials
    ]
    assert result.manifest["widths"] == undisturbed.manifest["widths"]
    assert result.manifest["result"]["ratio"] == undisturbed.manifest["result"]["ratio"]
    log = (run_dir / "log.txt").read_text()
    assert log.count("was expected: measured once more") > 3
    assert "measured once more" not in (undisturbed.directory / "log.txt").read_text()


class _After:
    """Fails at all comparisons once some lines stand in the log, until another one does."""

    def __init__(self, run_dir: Path, texts: tuple[str, ...], until: str) -> None:
        self._log, self._texts, self._until = run_dir / "log.txt", texts, until

    def __call__(self) -> bool:
        log = self._log.read_text() if self._log.exists() else ""
        return all(one in log for one in self._texts) and self._until not in log


#: Then the baselines of equal ratios are measured, the finalists, and the random baseline.
_CONTENDERS = ("contenders: measuring the finalists again",)
_NEVER = "\0"


def test_a_finalist_that_cannot_be_measured_does_not_race(
    tiny_pipeline: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with _on(monkeypatch, _After(tmp_path / "run", ("settle: ",), "does not race")):
        result = ep.run(tiny_pipeline, run_dir=tmp_path / "run", overrides=SHORT, progress=False)
    assert result.met
    note = "did not race for being the result, because the device failed to measure it: "
    assert any(note in one for one in result.manifest["notes"])
    assert note in (result.directory / "report.html").read_text()


def test_a_baseline_that_cannot_be_measured_is_measured_after_a_resume(
    tiny_pipeline: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run_dir = tmp_path / "run"
    what = "the baseline uniform-L1 could not be measured, and every report shows it"
    with (
        _on(monkeypatch, _After(run_dir, _CONTENDERS, _NEVER)),
        pytest.raises(MeasurementError, match=rf"{what}.*target check.*edgeprune resume .*run"),
    ):
        ep.run(tiny_pipeline, run_dir=run_dir, overrides=SHORT, progress=False)
    trials = read_trials(run_dir / "search")
    result = ep.resume(run_dir, progress=False)
    assert result.met and list(result.trials) == trials
