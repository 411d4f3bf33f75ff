"""The example package: installed as a user would, found by its entry points, and run."""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PLUGIN = ROOT / "examples" / "plugin"


@pytest.fixture(scope="module")
def installed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where the package is installed, outside our own environment."""
    folder = tmp_path_factory.mktemp("plugin")
    pip = [sys.executable, "-m", "pip", "install", "--quiet", "--no-deps", "--no-build-isolation"]
    source = shutil.copytree(PLUGIN, folder / "source")  # building leaves files beside it
    subprocess.run([*pip, "--target", folder / "site", source], check=True, cwd=folder)
    return folder


def _edgeprune(installed: Path, *arguments: str | Path) -> subprocess.CompletedProcess[str]:
    return _python(installed, "-m", "edgeprune", *arguments)


def _python(installed: Path, *arguments: str | Path) -> subprocess.CompletedProcess[str]:
    paths = (str(installed / "site"), str(ROOT))
    return subprocess.run(
        [sys.executable, *map(str, arguments)],
        capture_output=True,
        text=True,
        cwd=installed,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(paths)},
        check=False,
    )


@pytest.fixture(scope="module")
def ran(installed: Path) -> Path:
    """The directory of a run of its pipeline."""
    run = installed / "run"
    done = _edgeprune(installed, "run", PLUGIN / "pipeline.yaml", "--run-dir", run)
    assert done.returncode in (0, 3), done.stderr  # 3: a busy machine may miss the budget
    return run


def test_all_it_brings_is_used_by_name(ran: Path) -> None:
    manifest = json.loads((ran / "manifest.json").read_text())
    assert (manifest["sampler"], manifest["model"]["name"]) == ("halving", "three_layers")
    assert manifest["base"]["verification"]["accuracy"] > 0.8
    assert manifest["base"]["candidate"]["conditions"]["runtime"] == "zipped"
    (artifact,) = manifest["artifacts"]
    assert (artifact["format"], artifact["kept"]) == ("zipped", True)
    assert (ran / "model.onnxz").stat().st_size < (ran / "model.onnx").stat().st_size


def test_a_typo_in_its_options_is_told_before_anything_runs(installed: Path) -> None:
    changed = ("--set", "search.options={shares: 0.5}")
    done = _edgeprune(installed, "run", PLUGIN / "pipeline.yaml", *changed)
    assert done.returncode == 2
    assert "'shares' is unknown to sampler 'halving'" in done.stderr
    assert "did you mean 'share'" in done.stderr


def test_its_files_are_measured_and_verified_like_ours(installed: Path, ran: Path) -> None:
    model, profile = ran / "model.onnxz", PLUGIN / "zipped.yaml"
    done = _edgeprune(installed, "measure", model, "--target", profile, "--json")
    assert done.returncode == 0 and json.loads(done.stdout)["model"]["median_ms"] > 0, done.stderr
    done = _edgeprune(installed, "verify", model, "--against", ran, "--json")
    assert done.returncode == 0, done.stderr
    done = _edgeprune(installed, "target", "check", profile)
    assert done.returncode == 0, done.stdout + done.stderr


def test_without_it_the_names_are_unknown(tmp_path: Path) -> None:
    local = ("--set", "target=local", "--set", "export.formats=[onnx]")
    done = _edgeprune(tmp_path, "run", PLUGIN / "pipeline.yaml", *local)
    assert done.returncode == 2 and "unknown sampler 'halving'" in done.stderr
    done = _edgeprune(tmp_path, "run", PLUGIN / "pipeline.yaml")
    assert done.returncode == 2 and "must be one of 'onnx', 'tflite', 'tvm'" in done.stderr
    done = _edgeprune(tmp_path, "measure", "model.onnx", "--target", PLUGIN / "zipped.yaml")
    assert done.returncode == 2 and "must be one of 'onnxruntime'" in done.stderr


def test_it_keeps_the_contracts_of_the_kits(installed: Path) -> None:
    kit = shutil.copytree(PLUGIN / "tests", installed / "kit")
    done = _python(installed, "-m", "pytest", "-q", "-p", "no:cacheprovider", kit)
    assert done.returncode == 0, done.stdout
