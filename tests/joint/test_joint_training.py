"""Joint training from end to end, and taken up after an interruption."""

from dataclasses import replace
from pathlib import Path

import pytest
import torch

from edgeprune.cli.results import show_result
from edgeprune.config import dump_pipeline, load_pipeline
from edgeprune.errors import ConfigError
from edgeprune.joint import JointEpoch
from edgeprune.pipeline import run
from edgeprune.search import read_trials
from tests.joint.jointly import SHORT, Small


class _Interrupted(Exception):
    pass


@pytest.mark.parametrize("after", [0, 1, 3])
def test_an_interrupted_training_ends_as_an_uninterrupted_one(tmp_path: Path, after: int) -> None:
    (tmp_path / "whole").mkdir()
    (tmp_path / "parts").mkdir()
    whole = Small()
    expected = whole.train(tmp_path / "whole")

    def stop(epoch: JointEpoch) -> None:
        if epoch.epoch == after:
            raise _Interrupted

    with pytest.raises(_Interrupted):
        Small().train(tmp_path / "parts", on_epoch=stop)
    resumed = Small()
    found = resumed.train(tmp_path / "parts")
    assert found == expected
    weights = whole.model.state_dict()
    assert all(
        torch.equal(value, weights[name]) for name, value in resumed.model.state_dict().items()
    )


def test_the_structure_keeps_the_budget_and_every_epoch_is_told(tmp_path: Path) -> None:
    small, told = Small(), []
    result = small.train(tmp_path, on_epoch=told.append)
    assert small.problem.cost(result.widths) <= 0.5
    assert [one.epoch for one in told] == list(range(SHORT.epochs))
    assert [one.number for one in result.rounds] == list(range(SHORT.rounds))
    assert [one.decoder_error is None for one in result.rounds] == [True, False, False]
    assert all(one.latency is not None and one.latency <= 0.5 for one in told)


def test_without_alignment_what_is_to_be_cut_stays_larger(tmp_path: Path) -> None:
    norms = []
    for factor in (0.0, 0.01):
        folder = tmp_path / str(factor)
        folder.mkdir()
        result = Small().train(folder, replace(SHORT, settle=6), factor)
        norms.append(result.epochs[-1].to_cut)
    assert norms[1] < norms[0]


@pytest.fixture
def untrained(tiny_pipeline: Path) -> Path:
    lines = tiny_pipeline.read_text().splitlines()
    kept = [line for line in lines if not line.strip().startswith("train:")]
    tiny_pipeline.write_text("\n".join(kept).replace("lr: 0.02, ", "") + "\n")
    return tiny_pipeline


def test_a_pipeline_trains_and_prunes_together(
    untrained: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    overrides = (
        "workload.train={mode: joint}",
        "search.sampler=random",
        "search.trials=3",
        "joint={warmup: 1, fill: 1, joint: 2, settle: 1, episodes: 2, decoder_updates: 5, "
        "agent_updates: 5, images: 128, lr: 0.05, batch_size: 32}",
    )
    result = run(untrained, run_dir=tmp_path / "run", overrides=overrides, progress=False)
    assert result.met
    accuracies = {
        name: result.manifest[name]["verification"]["accuracy"] for name in ("base", "result")
    }
    # Of ten classes, from random weights; the whole network was left when it was cut.
    assert accuracies["result"] > 0.5 and accuracies["base"] > 0.12
    summary = (tmp_path / "run" / "report.html").read_text()
    assert "whole network, as it was when it was cut" in summary
    show_result(result, as_json=False)
    shown = " ".join(capsys.readouterr().out.replace("│", " ").split())
    assert "whole network, as" in shown and "base model" not in shown
    again = run(untrained, run_dir=tmp_path / "run", overrides=overrides, progress=False)
    assert again.manifest == result.manifest
    assert result.manifest["sampler"] == "joint"
    assert len(read_trials(result.directory / "search")) == 1
    found_by = [one["found_by"] for one in result.manifest["race"]]
    assert any(one.startswith("joint trial 0") for one in found_by)


def test_the_old_spelling_is_taken_and_the_new_one_told(untrained: Path, tmp_path: Path) -> None:
    config = load_pipeline(untrained, ("search.sampler=joint", "joint.warmup=1"))
    told = "search.sampler: joint is written `workload: {train: {mode: joint}}` now"
    assert told in config.notice
    (tmp_path / "kept.yaml").write_text(dump_pipeline(config))
    kept = load_pipeline(tmp_path / "kept.yaml")
    assert kept.jointly and kept.finder == "joint" and not kept.notice
    assert kept.search.sampler == "random"


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        (("search.sampler=amc",), r"search.sampler is amc, but workload.train.mode joint finds"),
        (("workload.train.epochs=3",), r"epochs would never be used"),
        (
            ("search.sampler=random", "finetune.lr=0.3"),
            r"finetune.lr is 0.3, but the learning rate .* joint.one_curve false",
        ),
        (("workload.train.mode=jont",), r"must be one of 'base', 'joint'"),
    ],
)
def test_settings_that_joint_training_leaves_aside_are_refused(
    changes: tuple[str, ...], message: str, untrained: Path, tmp_path: Path
) -> None:
    overrides = ("workload.train.mode=joint", *changes)
    with pytest.raises(ConfigError, match=message):
        run(untrained, run_dir=tmp_path / "run", overrides=overrides, progress=False)


def test_trained_weights_are_no_use_to_it(untrained: Path, tmp_path: Path) -> None:
    weights = tmp_path / "net.safetensors"
    weights.write_bytes(b"")
    overrides = ("search.sampler=joint", f"workload.model.weights={weights}")
    with pytest.raises(ConfigError, match=r"joint trains and prunes from random weights.*make it"):
        run(untrained, run_dir=tmp_path / "run", overrides=overrides, progress=False)
