"""Runs whose budget is on more than latency: all of it holds, and all of it is shown."""

from pathlib import Path

import pytest

import edgeprune as ep
from edgeprune.cli.results import show_result
from edgeprune.errors import BudgetError, ConfigError, UserError
from edgeprune.pipeline.predictions import size_prediction
from edgeprune.pipeline.records.amounts import Taken
from edgeprune.pruning import ChannelSpace
from tests.conftest import TINY
from tests.latency.space import candidate_of, space_of

FAST = ["finetune.epochs=1", "workload.train.epochs=1", "search.trials=4"]


def _run(folder: Path, budget: str, *more: str, target: str = "simulated") -> ep.RunResult:
    text = TINY.replace("{latency: 0.6x}", budget).replace("target: simulated", f"target: {target}")
    (folder / "tiny.yaml").write_text(text)
    return ep.run(
        folder / "tiny.yaml", run_dir=folder / "run", progress=False, overrides=[*FAST, *more]
    )


@pytest.fixture(scope="module")
def finished(tmp_path_factory: pytest.TempPathFactory) -> ep.RunResult:
    folder = tmp_path_factory.mktemp("beside")
    return _run(folder, "{latency: 0.8x, size: 0.5x, macs: 0.5x}")


def test_the_result_and_the_baselines_hold_all_of_it(finished: ep.RunResult) -> None:
    bundle = finished.bundle
    assert finished.met
    base = bundle.base
    for one in (bundle.result, *bundle.baselines.values()):
        assert one.ratio <= 0.8
        assert one.bytes <= 0.5 * base.bytes and one.macs <= 0.5 * base.macs
        assert one.amounts == {"size": one.bytes, "macs": one.macs}
        assert one.used is not None and max(one.used.values()) <= 1
    assert (finished.directory / "model.onnx").stat().st_size <= 0.5 * base.bytes


def test_trials_aim_at_what_binds_and_use_it_up(finished: ep.RunResult) -> None:
    for trial in finished.trials:
        assert set(trial.outcome.used) == {"size", "macs"}
        assert (trial.outcome.cost <= 1) == (max(trial.outcome.used.values()) <= 1)
    assert max(max(trial.outcome.used.values()) for trial in finished.trials) > 0.9


def test_manifest_report_and_table_show_each(
    finished: ep.RunResult, capsys: pytest.CaptureFixture[str]
) -> None:
    budget = finished.manifest["budget"]
    assert budget["text"] == "0.8x, size 0.5x, MACs 0.5x"
    assert [one["name"] for one in budget["limited"]] == ["size", "macs"]
    page = finished.report.read_text()
    assert "Budgets beside latency" in page and "budget met" in page
    show_result(finished, as_json=False)
    assert "(held); base model:" in capsys.readouterr().out


def test_a_budget_that_nothing_holds_is_named_and_missed(tmp_path: Path) -> None:
    found = _run(tmp_path, "{latency: 0.8x, size: 2kB}")
    said = (found.directory / "log.txt").read_text()
    assert "over the budget of size" in said and "budget.size 2kB allows 2 kB" in said
    assert "what binds is that alone: 0.8x of the latency could be held" in said
    assert not found.met and found.trials == []
    with pytest.raises(BudgetError, match=r"is not met: size .* allowed 2 kB"):
        show_result(found, as_json=False)


@pytest.mark.parametrize(
    ("budget", "target", "said"),
    [
        ("{peak_memory: 0.5x}", "simulated", "budget.peak_memory cannot be held.*latency alone"),
        ("{latency: 0.5x, energy: 20mJ}", "local", "budget.energy cannot be held.*looked for"),
    ],
)
def test_what_the_device_does_not_tell_is_refused_before_training(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, budget: str, target: str, said: str
) -> None:
    monkeypatch.setenv("EDGEPRUNE_SYSFS", str(tmp_path))
    with pytest.raises(ConfigError, match=said):
        _run(tmp_path, budget, target=target)
    assert not list((tmp_path / "run").glob("**/base*"))


def test_a_budget_that_asks_for_nothing_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"budget.size 1MB asks for nothing: the base model takes"):
        _run(tmp_path, "{size: 1MB}")


def test_sizes_of_files_are_predicted(tmp_path: Path) -> None:
    space: ChannelSpace = space_of("resnet20")

    def seen(ratio: float) -> Taken:
        widths = space.scaled(ratio)
        return Taken(widths, {"size": len(candidate_of(space, widths))})

    predict = size_prediction(space, [seen(one) for one in (1.0, 0.85, 0.7, 0.55, 0.4, 0.25)])
    for ratio in (0.9, 0.6, 0.3):
        one = seen(ratio)
        assert predict(one.widths) == pytest.approx(one.values["size"], rel=0.01)
