import json
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.called import called

Cli = Callable[..., "subprocess.Popen[str]"]


def _ends(process: "subprocess.Popen[str]") -> tuple[int, str, str]:
    output, errors = process.communicate(timeout=180)
    return process.returncode, output, errors


def test_run_prints_json_for_programs(tiny_pipeline: Path, tmp_path: Path, start_cli: Cli) -> None:
    quick = ["--set", "search.trials=3", "--set", "finetune.epochs=0", "--seed", "1"]
    code, output, _ = _ends(
        start_cli("run", tiny_pipeline, "--run-dir", tmp_path / "run", *quick, "--json")
    )
    assert code == 0
    record = json.loads(output)
    assert record["contenders"]["result"]["latency_ratio"] <= 0.6
    assert Path(record["report"]).exists()
    assert json.loads((tmp_path / "run" / "manifest.json").read_text())["seed"] == 1


def test_missed_budget_exits_3(tiny_pipeline: Path, tmp_path: Path) -> None:
    quick = ["--set", "budget.latency=0.02x", "--set", "finetune.epochs=0"]
    quick += ["--set", "workload.train.epochs=1"]
    result = called("run", tiny_pipeline, "--run-dir", tmp_path / "run", *quick)
    assert result.exit_code == 3
    assert "not met" in result.stderr
    assert (tmp_path / "run" / "model.onnx").exists()


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ("budget: {latency: 0.6x}", "budget: {latency: 2x}", "budget.latency"),
        ("sampler: amc", "sampler: amcc", "did you mean 'amc'"),
        ("target: simulated", "target: simulatet", "did you mean 'simulated'"),
        ("tests.models:tiny_cnn", "tests.models:tiny_cn", "tiny_cnn"),
        ("tests.models:tiny_cnn", "tests.models:tuple_cnn", "tuple"),
        ("tests.models:tiny_cnn", "tests.models:broken_cnn", "forward"),
        ("train: {epochs: 3, lr: 0.1}", "train: null", "workload.train"),
        ("name: digits", "name: digit", "did you mean 'digits'"),
    ],
)
def test_user_errors_exit_2_with_one_clear_message(
    old: str, new: str, said: str, tiny_pipeline: Path, tmp_path: Path
) -> None:
    text = tiny_pipeline.read_text()
    assert old in text
    tiny_pipeline.write_text(text.replace(old, new))
    result = called("run", tiny_pipeline, "--run-dir", tmp_path / "run")
    assert result.exit_code == 2
    assert said in result.stderr


def test_read_only_run_directory(tiny_pipeline: Path) -> None:
    result = called("run", tiny_pipeline, "--run-dir", "/proc/edgeprune")
    assert result.exit_code == 2
    assert "/proc/edgeprune" in result.stderr


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    disk = tmp_path / "disk"
    disk.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=128k", "tmpfs", str(disk)]
    if subprocess.run(mount, capture_output=True).returncode:
        pytest.skip("mounting a small file system is not allowed here")
    yield disk
    subprocess.run(["umount", str(disk)], check=True)


def test_full_disk_loses_nothing(tiny_pipeline: Path, small_disk: Path, start_cli: Cli) -> None:
    run_dir = small_disk / "run"
    quick = ["--set", "search.trials=3", "--set", "finetune.epochs=0"]
    code, _, errors = _ends(start_cli("run", tiny_pipeline, "--run-dir", run_dir, *quick))
    assert code == 2
    assert "No space left" in errors and "edgeprune resume" in errors
    assert "Traceback" not in errors
    subprocess.run(["mount", "-o", "remount,size=64m", str(small_disk)], check=True)
    code, _, errors = _ends(start_cli("resume", run_dir))
    assert code == 0, errors


def test_inspect_says_what_is_fixed_and_why(tiny_pipeline: Path) -> None:
    result = called("inspect", tiny_pipeline, "--json")
    assert result.exit_code == 0
    groups = {group["name"]: group for group in json.loads(result.stdout)["groups"]}
    assert groups["conv1"]["fixed"] is None
    assert "output" in groups["head"]["fixed"]


def test_inspect_any_model_without_a_pipeline() -> None:
    result = called("inspect", "tests.models:tiny_cnn", "--input", "1x3x32x32")
    assert result.exit_code == 0
    assert "conv2" in result.output and "MACs" in result.output
    assert "no residual branch may go as a whole" in result.output


def test_inspect_names_the_blocks_that_may_go() -> None:
    net = ("tests.models:residual_cnn", "--input", "1x3x32x32")
    result = called("inspect", *net)
    assert result.exit_code == 0
    assert "3 residual branches may go as a whole: blocks.0, blocks.1, blocks.2" in result.output
    result = called("inspect", *net, "--json")
    first = json.loads(result.stdout)["branches"][0]
    assert first == {"name": "blocks.0", "groups": ["blocks.0.conv1"]}


def test_inspect_takes_inputs_that_are_no_images() -> None:
    result = called("inspect", "tests.pruning.test_forms:Audio", "--input", "1x1x160", "--json")
    assert json.loads(result.stdout)["cuttable_macs_share"] > 0.9
    two = ("tests.pruning.test_forms:TwoInputs", "--input", "1x3x16x16, 1x7")
    assert called("inspect", *two).exit_code == 0


@pytest.mark.parametrize("shape", ["3x32x32", "1x3x32", "axb", "1x3x32x0", "1x3x32x32,", "1x-3"])
def test_inspect_refuses_a_shape_that_is_none(shape: str) -> None:
    result = called("inspect", "tests.models:tiny_cnn", "--input", shape)
    assert result.exit_code == 2
    assert shape in result.stderr
