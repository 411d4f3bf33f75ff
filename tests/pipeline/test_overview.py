"""`edgeprune runs`: state, budget and result of every run in a folder."""

import json
import shutil
from pathlib import Path

import pytest
from filelock import FileLock
from typer.testing import CliRunner

from edgeprune.cli.app import app
from edgeprune.errors import RunError
from edgeprune.pipeline.overview import overview

GOLDEN = Path(__file__).parents[1] / "golden"


@pytest.fixture
def runs(tmp_path: Path) -> Path:
    """A finished run, two interrupted ones, a damaged one, and a folder that is none."""
    done = shutil.copytree(GOLDEN / "channels", tmp_path / "done")
    (done / "pipeline.yaml").touch()
    shutil.copy(done / "manifest.json", done / "stages" / "bundle.json")
    begun = tmp_path / "begun"
    (begun / "stages").mkdir(parents=True)
    (begun / "pipeline.yaml").write_text("target: local\n")
    (begun / "stages" / "probe.json").write_text("{}")
    damaged = shutil.copytree(begun, tmp_path / "damaged")
    (damaged / "stages" / "bundle.json").write_text('{"version": 1, "contenders": 3}')
    torn = shutil.copytree(begun, tmp_path / "torn")
    (torn / "stages" / "bundle.json").write_text("{")  # done anew when the run goes on
    (tmp_path / "other").mkdir()
    return tmp_path


def test_every_run_is_listed_with_its_state(runs: Path) -> None:
    found = {line.path.name: line for line in overview(runs)}
    assert set(found) == {"done", "begun", "damaged", "torn"}
    assert (found["begun"].state, found["begun"].stage) == ("interrupted", "probe")
    assert found["damaged"].state == "unreadable"
    assert found["torn"].state == "interrupted"
    done = found["done"]
    assert done.state == "finished" and done.met is not None
    assert done.accuracy is not None and 0 < done.accuracy <= 1
    with FileLock(runs / "begun" / ".lock"):
        assert {line.path.name: line.state for line in overview(runs)}["begun"] == "running"


def test_the_command(runs: Path, tmp_path: Path) -> None:
    answer = CliRunner().invoke(app, ["runs", str(runs), "--json"])
    assert len(json.loads(answer.stdout)["runs"]) == 4
    text = CliRunner().invoke(app, ["runs", str(runs)]).stdout
    assert "interrupted" in text and "finished" in text
    (tmp_path / "empty").mkdir()
    assert "no runs here" in CliRunner().invoke(app, ["runs", str(tmp_path / "empty")]).stdout
    assert CliRunner().invoke(app, ["runs", str(tmp_path / "gone")]).exit_code == 2
    with pytest.raises(RunError, match="is no folder"):
        overview(tmp_path / "gone")
