"""`edgeprune check`: what would stop a run is told in seconds, and nothing is left behind."""

import json
from pathlib import Path

import pytest
import torch

from edgeprune.errors import ConfigError, WorkloadError
from edgeprune.pipeline import check_pipeline, run
from edgeprune.workloads import ModelConfig, build_model
from tests.called import called
from tests.conftest import TINY

#: Weights are given, and the data set tells which images they cannot have seen.
GIVEN = """\
workload:
  model: {name: resnet20, num_classes: 100, weights: fresh.pt}
  data: {name: digit_pairs, seed: 0}
target: simulated
budget: {latency: 0.5x}
"""


def _links(folder: Path, text: str, *overrides: str) -> dict[str, tuple[str, str, str]]:
    (folder / "tiny.yaml").write_text(text)
    links = check_pipeline(folder / "tiny.yaml", overrides)
    return {one.name: (one.state, one.found, one.mend) for one in links}


def test_what_can_run_is_looked_at_to_the_end(tmp_path: Path) -> None:
    links = _links(tmp_path, TINY)
    wanted = ["settings", "model", "data", "weights", "cuts", "formats", "disk", "device"]
    assert list(links) == [*wanted, "duration"]
    assert "broken" not in {state for state, _, _ in links.values()}
    assert "10 classes" in links["data"][1] and "to be trained, 3 epochs" in links["weights"][1]
    assert links["duration"][1].startswith("about ")
    assert [path.name for path in tmp_path.iterdir()] == ["tiny.yaml"]


def test_weights_that_know_nothing_are_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    torch.save(build_model(ModelConfig(name="resnet20", num_classes=100)).state_dict(), "fresh.pt")
    state, found, mend = _links(tmp_path, GIVEN)["weights"]
    assert state == "warning" and "images right" in found and "no better than chance" in mend


@pytest.mark.parametrize(
    ("old", "new", "name", "message"),
    [
        ("tiny_cnn", "tiny_cn", "model and data", "did you mean 'tiny_cnn'"),
        ("tiny_cnn", "stubborn", "model and data", "gives 3 outputs, but the data has 10"),
        ("  train: {epochs: 3, lr: 0.1}\n", "", "model and data", "give trained weights"),
    ],
)
def test_what_is_broken_is_the_last_link(
    tmp_path: Path, old: str, new: str, name: str, message: str
) -> None:
    assert old in TINY
    links = _links(tmp_path, TINY.replace(old, new))
    last = list(links)[-1]
    assert (last, links[last][0]) == (name, "broken")
    assert message in links[last][1]


def test_weights_that_are_not_there(tmp_path: Path) -> None:
    links = _links(tmp_path, GIVEN)
    assert list(links)[-1] == "model and data" and "fresh.pt does not exist" in str(links)


def test_a_typo_is_told_with_its_line(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"tiny\.yaml:7:\d+.*did you mean 'trials'"):
        _links(tmp_path, TINY.replace("trials:", "trails:"))


def test_the_command(tmp_path: Path) -> None:
    (tmp_path / "tiny.yaml").write_text(TINY)
    result = called("check", tmp_path / "tiny.yaml", "--json")
    assert result.exit_code == 0 and json.loads(result.stdout)["ready"] is True
    stubborn = ("--set", "workload.model.name=tests.models:stubborn")
    result = called("check", tmp_path / "tiny.yaml", *stubborn)
    assert result.exit_code == 2 and "broken" in result.stdout


def test_a_run_that_cannot_begin_leaves_no_directory(tmp_path: Path) -> None:
    (tmp_path / "tiny.yaml").write_text(TINY)
    broken = ["workload.model.name=tests.models:stubborn"]
    with pytest.raises(WorkloadError, match="num_classes"):
        run(tmp_path / "tiny.yaml", run_dir=tmp_path / "run", overrides=broken, progress=False)
    assert not (tmp_path / "run").exists()
