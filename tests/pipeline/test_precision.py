"""``search.precision: int8``: candidates are scored and measured as int8 files."""

import json
from pathlib import Path

import pytest

from edgeprune.errors import ConfigError, TargetError
from edgeprune.history import History
from edgeprune.pipeline import run
from edgeprune.search import read_trials

INT8 = ("search.precision=int8", "export.precision=[int8]")


def test_a_search_in_int8_ends_with_an_int8_file(tiny_pipeline: Path, tmp_path: Path) -> None:
    quick = tmp_path / "quick.yaml"
    quick.write_text("name: quick\nextends: local\nmeasure: {warmup: 1, runs: 12, probe_s: 3}\n")
    overrides = (
        *INT8,
        "workload.model.name=tests.models:wide_cnn",
        "workload.train.epochs=1",
        f"target={quick}",
        "budget.latency=0.8x",
        "search.trials=3",
        "finetune.epochs=0",
        "export.accuracy_drop=100",
        f"history={tmp_path / 'history.db'}",
    )
    result = run(tiny_pipeline, run_dir=tmp_path / "run", overrides=overrides, progress=False)
    assert result.manifest["target"]["precision"] == "int8"
    assert (tmp_path / "run" / "int8-ranges.json").is_file()
    trials = read_trials(tmp_path / "run" / "search")
    full = (tmp_path / "run" / "contenders" / "base.onnx").stat().st_size
    told = json.loads((tmp_path / "run" / "stages" / "base.json").read_text())["bytes"]
    assert told < 0.7 * full  # of the file that is measured
    assert len(trials) == 3
    assert all(0 < trial.outcome.bytes < 0.5 * full for trial in trials)
    (artifact,) = result.manifest["artifacts"]
    assert artifact["precision"] == "int8"
    assert artifact["verification"]["top1_agreement"] > 0.8
    # The kernels that its latencies were foretold from are those of int8 files, and kept as such.
    kernels = json.loads((tmp_path / "run" / "stages" / "kernels.json").read_text())
    assert kernels["profiled"] > 0
    seen = {one["signature"]["kind"] for one in kernels["table"]}
    assert {"conv", "linear", "rest"} <= seen
    with History.open(str(tmp_path / "history.db")) as history:
        facts = history.targets()
        kept = {one["precision"]: len(history.kernels(key)) for key, one in facts.items()}
    assert set(kept) == {"int8"} and kept["int8"] > 0


def test_an_int8_search_that_writes_no_int8_file_is_refused(
    tiny_pipeline: Path, tmp_path: Path
) -> None:
    with pytest.raises(ConfigError, match=r"add int8 to it"):
        run(tiny_pipeline, run_dir=tmp_path / "run", overrides=INT8[:1], progress=False)


def test_a_target_that_takes_no_int8_is_named(tiny_pipeline: Path, tmp_path: Path) -> None:
    with pytest.raises(TargetError, match=r"'simulated' is simulated.*needs a device"):
        run(tiny_pipeline, run_dir=tmp_path / "run", overrides=INT8, progress=False)
