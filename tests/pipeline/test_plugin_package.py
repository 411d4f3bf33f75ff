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
    paths = (str(installed / "site"), str(ROOT))
    return subprocess.run(
        [sys.executable, "-m", "edgeprune", *map(str, arguments)],
        capture_output=True,
        text=True,
        cwd=installed,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(paths)},
        check=False,
    )


def test_its_sampler_dataset_and_model_are_used_by_name(installed: Path) -> None:
    run = installed / "run"
    done = _edgeprune(installed, "run", PLUGIN / "pipeline.yaml", "--run-dir", run)
    assert done.returncode in (0, 3), done.stderr  # 3: a busy machine may miss the budget
    manifest = json.loads((run / "manifest.json").read_text())
    assert (manifest["sampler"], manifest["model"]["name"]) == ("halving", "three_layers")
    assert manifest["base"]["verification"]["accuracy"] > 0.8


def test_a_typo_in_its_options_is_told_before_anything_runs(installed: Path) -> None:
    changed = ("--set", "search.options={shares: 0.5}")
    done = _edgeprune(installed, "run", PLUGIN / "pipeline.yaml", *changed)
    assert done.returncode == 2
    assert "'shares' is unknown to sampler 'halving'" in done.stderr
    assert "did you mean 'share'" in done.stderr


def test_without_it_the_names_are_unknown(tmp_path: Path) -> None:
    done = _edgeprune(tmp_path, "run", PLUGIN / "pipeline.yaml")
    assert done.returncode == 2 and "unknown sampler 'halving'" in done.stderr
