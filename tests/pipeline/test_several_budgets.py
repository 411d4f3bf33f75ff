"""Several budgets in one run: a bundle for each, and the frontier they draw."""

import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

import edgeprune as ep
from edgeprune.cli.results import show_result
from edgeprune.errors import BudgetError, ConfigError, UserError
from edgeprune.search import read_trials
from tests.conftest import TINY
from tests.models import tiny_cnn
from tests.pipeline.freezing import frozen_copies

Cli = Callable[..., "subprocess.Popen[str]"]
FAST = ["finetune.epochs=1", "workload.train.epochs=1", "search.trials=6"]


@pytest.fixture(scope="module")
def finished(tmp_path_factory: pytest.TempPathFactory) -> ep.RunResult:
    folder = tmp_path_factory.mktemp("several")
    (folder / "tiny.yaml").write_text(TINY.replace("0.6x", "[0.8x, 0.7x, 0.6x]"))
    return ep.run(folder / "tiny.yaml", run_dir=folder / "run", progress=False, overrides=FAST)


PAIR = [*FAST, "finetune.epochs=2", "budget.latency=[0.8x,0.6x]"]


@pytest.fixture(scope="module")
def pair(tmp_path_factory: pytest.TempPathFactory) -> ep.RunResult:
    folder = tmp_path_factory.mktemp("pair")
    (folder / "tiny.yaml").write_text(TINY)
    return ep.run(folder / "tiny.yaml", run_dir=folder / "run", progress=False, overrides=PAIR)


def test_every_budget_is_met_by_its_own_bundle(finished: ep.RunResult) -> None:
    lines = finished.manifest["ladder"]
    assert [line["regime"] for line in lines] == ["0.8x", "0.7x", "0.6x"]
    assert [line["path"] for line in lines] == ["ladder/latency-0.8x", "ladder/latency-0.7x", "."]
    for line, limit in zip(lines, (0.8, 0.7, 0.6), strict=True):
        assert line["met"] and line["ratio"] <= limit
        assert set(line["beside"]) == {"uniform", "filled", "random"}
        assert all(point["cost"] <= limit for point in line["beside"].values())
        model = ep.load_bundle(finished.directory / line["path"], build=tiny_cnn)
        assert sum(one.numel() for one in model.parameters()) == line["parameters"]


def test_the_tightest_is_the_runs_own(finished: ep.RunResult) -> None:
    assert finished.met
    assert finished.manifest["budget"]["text"] == "0.6x"
    assert finished.manifest["result"]["ratio"] <= 0.6


def test_each_budget_is_searched_and_the_device_is_probed_once(finished: ep.RunResult) -> None:
    for name in ("search", "search-0.7x", "search-0.8x", "random", "random-0.7x", "random-0.8x"):
        assert read_trials(finished.directory / name)
    log = (finished.directory / "log.txt").read_text()
    assert log.count("probe: started") == 1


def test_report_and_table_show_the_frontier(
    finished: ep.RunResult, capsys: pytest.CaptureFixture[str]
) -> None:
    page = finished.report.read_text()
    assert "The frontier: pick a point" in page
    assert "ladder/latency-0.7x" in page and "this folder" in page
    show_result(finished, as_json=False)
    shown = capsys.readouterr().out
    assert "0.8x" in shown and "0.7x" in shown
    show_result(finished, as_json=True)
    assert '"ladder/latency-0.8x"' in capsys.readouterr().out


def test_the_same_pipeline_with_one_budget_has_no_frontier(
    tmp_path: Path, tiny_pipeline: Path
) -> None:
    result = ep.run(tiny_pipeline, run_dir=tmp_path / "run", progress=False, overrides=FAST)
    assert result.manifest["ladder"] == []
    assert "pick a point" not in result.report.read_text()


def test_a_budget_out_of_reach_is_missed_and_the_others_are_met(
    tmp_path: Path, tiny_pipeline: Path
) -> None:
    budgets = "budget.latency=[0.7x, 0.03x, 0.02x]"
    result = ep.run(
        tiny_pipeline, run_dir=tmp_path / "run", progress=False, overrides=[*FAST, budgets]
    )
    assert [line["met"] for line in result.manifest["ladder"]] == [True, False, False]
    for line in result.manifest["ladder"]:
        ep.load_bundle(result.directory / line["path"], build=tiny_cnn)
    assert not result.met
    with pytest.raises(BudgetError, match=r"budget of 0\.02x is not met"):
        show_result(result, as_json=True)


MOMENTS = ("search-0.8x trial 3", "race-0.8x epoch 1", "result-0.8x: written", "race: started")


@pytest.fixture(scope="module")
def killed(tmp_path_factory: pytest.TempPathFactory, start_cli: Cli) -> dict[str, Path]:
    """Run directories as a kill at each moment leaves them."""
    folder = tmp_path_factory.mktemp("killed")
    (folder / "tiny.yaml").write_text(TINY)
    settings = [part for one in PAIR for part in ("--set", one)]
    process = start_cli("run", folder / "tiny.yaml", "--run-dir", folder / "run", *settings)
    return frozen_copies(process, folder / "run", MOMENTS, folder)


@pytest.mark.parametrize("moment", MOMENTS)
def test_killed_and_resumed_equals_uninterrupted(
    moment: str, killed: dict[str, Path], pair: ep.RunResult
) -> None:
    resumed = ep.resume(killed[moment], progress=False)
    assert resumed.manifest["ladder"] == pair.manifest["ladder"]
    assert resumed.manifest["widths"] == pair.manifest["widths"]


def test_milliseconds(tmp_path: Path, tiny_pipeline: Path) -> None:
    first = ep.run(tiny_pipeline, run_dir=tmp_path / "first", progress=False, overrides=FAST)
    base = first.manifest["base"]["candidate"]["level_ms"]
    loose, tight = (round(ratio * base, 5) for ratio in (0.8, 0.65))
    result = ep.run(
        tiny_pipeline,
        run_dir=tmp_path / "run",
        progress=False,
        overrides=[*FAST, f"budget.latency_ms=[{loose},{tight}]"],
    )
    first_line, second_line = result.manifest["ladder"]
    assert first_line["regime"] == f"{loose:.9g} ms"
    assert first_line["path"] == f"ladder/latency-{loose:.9g}ms"
    assert first_line["met"] and second_line["met"] and result.met


def test_each_millisecond_budget_must_ask_for_something(
    tmp_path: Path, tiny_pipeline: Path
) -> None:
    with pytest.raises(UserError, match=r"latency_ms 9000\.0 asks for nothing"):
        ep.run(
            tiny_pipeline,
            run_dir=tmp_path / "run",
            progress=False,
            overrides=[*FAST, "budget.latency_ms=[9000,0.001]"],
        )


def test_joint_training_has_one_budget(tmp_path: Path, tiny_pipeline: Path) -> None:
    overrides = ["search.sampler=joint", "budget.latency=[0.7x,0.5x]", "workload.train=null"]
    with pytest.raises(ConfigError, match=r"one budget, got 0\.7x, 0\.5x; allowed: one value"):
        ep.run(tiny_pipeline, run_dir=tmp_path / "run", progress=False, overrides=overrides)
