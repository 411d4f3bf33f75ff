"""A budget may limit the accuracy that is lost as well."""

import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

import edgeprune as ep
from edgeprune.errors import ConfigError
from tests.conftest import TINY

QUICK = ["search.trials=2", "finetune.epochs=1", "workload.train.epochs=2"]


def _run(folder: Path, drop: float, *overrides: str) -> ep.RunResult:
    (folder / "tiny.yaml").write_text(TINY)
    changes = [*QUICK, f"budget.accuracy_drop={drop}", *overrides]
    return ep.run(folder / "tiny.yaml", run_dir=folder / "run", overrides=changes, progress=False)


def test_what_loses_little_enough_meets_the_budget(tmp_path: Path) -> None:
    result = _run(tmp_path, 99)
    assert result.met and result.bundle.budget.text == "0.6x with at most 99 points lost"
    lost = result.bundle.result.lost
    assert lost is not None and lost <= 99
    assert "budget 0.6x with at most 99 points lost met" in result.report.read_text()


def test_what_loses_more_is_exit_3_with_the_reason(
    tmp_path: Path, start_cli: Callable[..., "subprocess.Popen[str]"]
) -> None:
    (tmp_path / "tiny.yaml").write_text(TINY)
    # Nothing is trained after narrow cuts, and nothing is repaired: much is lost.
    changes = [
        "finetune.epochs=0",
        "search.trials=2",
        "budget.latency=0.55x",
        "budget.accuracy_drop=0.5",
        "recover.reconstruction=none",
        "recover.recalibrate_bn=false",
    ]
    words = [word for change in changes for word in ("--set", change)]
    process = start_cli("run", tmp_path / "tiny.yaml", "--run-dir", tmp_path / "run", *words)
    text = " ".join("".join(process.communicate(timeout=180)).split())
    assert process.returncode == 3
    assert "budget.accuracy_drop" in text and "points on the reward split" in text
    again = ep.resume(tmp_path / "run", progress=False)
    assert not again.met and again.bundle.result.lost is not None
    assert again.bundle.result.ratio <= 0.55


@pytest.mark.parametrize("drop", ["0", "-1", "100", "many"])
def test_other_drops_are_told(tmp_path: Path, drop: str) -> None:
    (tmp_path / "tiny.yaml").write_text(TINY)
    with pytest.raises(ConfigError, match=r"budget\.accuracy_drop"):
        ep.run(tmp_path / "tiny.yaml", overrides=[f"budget.accuracy_drop={drop}"], progress=False)


def test_each_of_several_budgets_is_held_to_it(tmp_path: Path) -> None:
    result = _run(tmp_path, 98, "budget.latency=[0.8x, 0.6x]")
    manifest = (tmp_path / "run" / "ladder" / "latency-0.8x" / "manifest.json").read_text()
    assert "0.8x with at most 98 points lost" in manifest
    assert result.bundle.budget.text.startswith("0.6x with")
