"""Other points of a finished run: a trial, another latency, a loss that is allowed."""

from pathlib import Path

import pytest

import edgeprune as ep
from edgeprune.errors import ConfigError, RunError, UserError
from edgeprune.pipeline import finish_point
from edgeprune.search import read_trials
from tests.conftest import TINY
from tests.models import tiny_cnn

FAST = [
    "finetune.epochs=1",
    "workload.train.epochs=2",
    "search.trials=6",
    "search.sampler=knapsack",
]


@pytest.fixture(scope="module")
def finished(tmp_path_factory: pytest.TempPathFactory) -> ep.RunResult:
    folder = tmp_path_factory.mktemp("points")
    (folder / "tiny.yaml").write_text(TINY)
    return ep.run(folder / "tiny.yaml", run_dir=folder / "run", progress=False, overrides=FAST)


def _ladder(run: ep.RunResult) -> dict[str, dict[str, object]]:
    lines = ep.RunResult(run.directory, run.report, ep.resume(run.directory, progress=False).bundle)
    return {line["path"]: line for line in lines.manifest["ladder"]}


def test_a_trial_is_finished_as_it_is(finished: ep.RunResult) -> None:
    wanted = read_trials(finished.directory / "search")[3]
    point = finish_point(finished.directory, trial=3, progress=False)
    assert (point.regime, point.path, point.met) == ("trial 3", "ladder/trial-3", True)
    plan = ep.Plan.load(finished.directory / point.path / "plan.json")
    assert plan.widths == wanted.widths
    model = ep.load_bundle(finished.directory / point.path, build=tiny_cnn)
    assert sum(one.numel() for one in model.parameters()) == point.parameters


def test_another_latency_is_met_without_a_search(finished: ep.RunResult) -> None:
    before = len(read_trials(finished.directory / "search"))
    point = finish_point(finished.directory, latency="0.8x", progress=False)
    assert point.met and finished.manifest["result"]["ratio"] < point.ratio <= 0.8
    assert point.accuracy > 0.3
    assert len(read_trials(finished.directory / "search")) == before
    again = finish_point(finished.directory, latency="0.8x", progress=False)
    assert again == point, "what is finished is not done again"


def test_points_are_in_manifest_and_report(finished: ep.RunResult) -> None:
    finish_point(finished.directory, trial=2, progress=False)
    ladder = _ladder(finished)
    assert {".", "ladder/trial-2"} <= set(ladder)
    assert set(ladder["."]["beside"]) == {"uniform", "filled", "random"}  # type: ignore[call-overload]
    page = finished.report.read_text()
    assert "trial 2" in page and "ladder/trial-2" in page


def test_the_fastest_that_loses_no_more_than_it_may(finished: ep.RunResult) -> None:
    point = finish_point(finished.directory, accuracy_drop=30.0, progress=False)
    assert point.regime == "at most 30 points lost"
    tried = sorted(finished.directory.glob("stages/tolerance-30-*.json"))
    assert len(tried) >= 2
    assert point.met


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({}, "exactly one of trial, latency, accuracy_drop"),
        ({"trial": 1, "latency": "0.5x"}, "exactly one of trial, latency, accuracy_drop"),
        ({"latency": "0.6"}, "latency is '0.6'; allowed: a ratio below 1 such as 0.6x"),
        ({"latency": "1.6x"}, "allowed: a ratio below 1"),
        ({"latency": "-3ms"}, "allowed: a ratio below 1 such as 0.6x, or 8ms"),
        ({"accuracy_drop": -1.0}, "accuracy_drop is -1; allowed: above 0 and below 100"),
        ({"accuracy_drop": 100.0}, "accuracy_drop is 100; allowed: above 0 and below 100"),
    ],
)
def test_what_cannot_be_a_point(
    finished: ep.RunResult, given: dict[str, object], message: str
) -> None:
    with pytest.raises(ConfigError, match=message):
        finish_point(finished.directory, **given, progress=False)  # type: ignore[arg-type]


def test_what_is_not_there(finished: ep.RunResult, tmp_path: Path) -> None:
    with pytest.raises(UserError, match="no trial 99; allowed: 0 to 5"):
        finish_point(finished.directory, trial=99, progress=False)
    with pytest.raises(UserError, match="what the smallest candidate takes"):
        finish_point(finished.directory, latency="0.001x", progress=False)
    with pytest.raises(RunError):
        finish_point(tmp_path, trial=0, progress=False)
