"""A build replaces what edgeprune built, and nothing else."""

import json
from pathlib import Path

import pytest

from edgeprune.config import load_target
from edgeprune.deploy.replacing import replaced
from edgeprune.errors import ConfigError, RunError

MARK = "manifest.json"


def _built(folder: Path, *files: str) -> Path:
    for name in files:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(name)
    (folder / MARK).write_text(
        json.dumps({"edgeprune": "0.1.0", "files": {name: {} for name in files}})
    )
    return folder


def _refused(folder: Path, said: str) -> None:
    before = sorted(path for path in folder.parent.rglob("*"))
    with pytest.raises(RunError, match=said), replaced(folder, MARK):
        pytest.fail("it was begun")
    assert sorted(path for path in folder.parent.rglob("*")) == before


def test_an_earlier_build_is_replaced(tmp_path: Path) -> None:
    folder = _built(tmp_path / "pi", "model.onnx", "bin/run")
    with replaced(folder, MARK) as partial:
        (partial / "model.onnx").write_text("new")
    assert [path.name for path in folder.rglob("*")] == ["model.onnx"]
    assert [path.name for path in tmp_path.iterdir()] == ["pi"]


@pytest.mark.parametrize(
    "manifest",
    [
        '{"name": "my web app", "icons": []}',
        '{"edgeprune": 1, "files": {}}',
        "{}",
        "[]",
        "\x00",
        '{"edgeprune": "0.1.0"}',
        "[" * 100_000,
    ],
)
def test_another_programs_manifest_is_no_mark(tmp_path: Path, manifest: str) -> None:
    folder = tmp_path / "pi"
    folder.mkdir()
    (folder / MARK).write_text(manifest)
    _refused(folder, "was not built by edgeprune")


def test_what_was_put_beside_the_build_is_kept(tmp_path: Path) -> None:
    folder = _built(tmp_path / "pi", "model.onnx")
    (folder / "results").mkdir()
    (folder / "results/day1.csv").write_text("a day's work")
    _refused(folder, r"1 files that edgeprune did not build: results/day1\.csv")


def test_what_is_put_there_while_it_is_built_is_kept(tmp_path: Path) -> None:
    folder = _built(tmp_path / "pi", "model.onnx")
    with pytest.raises(RunError, match="notes"), replaced(folder, MARK):
        (folder / "notes").write_text("mine")
    assert (folder / "notes").read_text() == "mine" and (folder / "model.onnx").exists()
    assert [path.name for path in tmp_path.iterdir()] == ["pi"]


def test_a_link_is_not_followed(tmp_path: Path) -> None:
    victim = _built(tmp_path / "victim", "model.onnx")
    (tmp_path / "pi").symlink_to(victim)
    _refused(tmp_path / "pi", "is a link")
    assert (victim / "model.onnx").exists()


@pytest.mark.parametrize("name", ["../victim", "a/b", "..", ".hidden", "-rf", "a\\b", "C:", "a\nb"])
def test_a_targets_name_leads_nowhere(tmp_path: Path, name: str) -> None:
    (tmp_path / "t.yaml").write_text(json.dumps({"name": name, "kind": "local"}))
    with pytest.raises(ConfigError, match="name: must be a name that a folder can have"):
        load_target(str(tmp_path / "t.yaml"))
