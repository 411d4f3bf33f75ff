"""Whole pipelines whose task is no classification: every stage goes by the task's score."""

import json
from pathlib import Path

import onnx
import pytest

import edgeprune as ep
from edgeprune.errors import UserError
from edgeprune.search import read_trials

PIPELINE = """\
workload:
  task: {task}
  model: {{name: "tests.made_tasks:TwoHeads", args: {{heads: {heads}}}}}
  data: {{name: "tests.made_tasks:squares", args: {{targets: {heads}}}}}
  train: {{epochs: 4, lr: 0.02, batch_size: 16}}
target: simulated
budget: {{latency: 0.6x}}
search: {{sampler: {sampler}, trials: 4, reward: {reward}}}
recover: {{images: 64}}
finetune: {{epochs: 1, lr: 0.02}}
export: {{precision: [float32, int8]}}
history: none
"""


def run_of(folder: Path, task: str, heads: str, sampler: str, reward: str) -> ep.RunResult:
    text = PIPELINE.format(task=task, heads=heads, sampler=sampler, reward=reward)
    (folder / "task.yaml").write_text(text)
    return ep.run(folder / "task.yaml", run_dir=folder / "run", progress=False)


@pytest.mark.parametrize(
    ("task", "heads", "sampler", "reward", "names", "units"),
    [
        ("segmentation", "masks", "knapsack", "accuracy", ["mIoU", "pixel accuracy"], ["%", "%"]),
        ("regression", "places", "knapsack", "accuracy", ["R2", "MAE"], ["%", ""]),
        (
            *("tests.made_tasks:Both", "both", "random", "tests.made_tasks:cautious"),
            *(["found", "error"], ["%", "px"]),
        ),
    ],
)
def test_a_run_goes_by_the_tasks_score(
    tmp_path: Path,
    task: str,
    heads: str,
    sampler: str,
    reward: str,
    names: list[str],
    units: list[str],
) -> None:
    result = run_of(tmp_path, task, heads, sampler, reward)
    manifest = json.loads((result.directory / "manifest.json").read_text())
    assert manifest["task"] == task and manifest["judged"]["name"] == names[0]
    assert manifest["units"] == dict(zip(names, units, strict=True))
    assert result.met

    base, best = (manifest[name]["verification"] for name in ("base", "result"))
    for one in (base, best):
        assert list(one["metrics"]) == names and one["accuracy"] == one["metrics"][names[0]]
        assert one["max_abs_difference"] < 1e-4 and one["top1_agreement"] > 0.99
    # It has learned something, and keeps a good part of it.
    assert base["accuracy"] > 0.5 and best["accuracy"] > 0.6 * base["accuracy"]
    (int8,) = manifest["artifacts"]
    assert set(int8["verification"]["metrics"]) == set(names)

    trials = read_trials(result.directory / "search")
    assert all(list(one.outcome.metrics) == names for one in trials)
    if "cautious" in reward:
        for one in trials:
            metrics = one.outcome.metrics
            assert one.reward == pytest.approx(metrics["found"] - 0.01 * metrics["error"])
        outputs = onnx.load(result.directory / "model.onnx").graph.output
        assert [one.name for one in outputs] == ["mask", "place"]

    page = result.report.read_text()
    assert f"test {names[0]}" in page and names[1] in page
    assert "test accuracy" not in page


def test_joint_training_is_for_classification(tmp_path: Path) -> None:
    text = PIPELINE.format(task="segmentation", heads="masks", sampler="random", reward="accuracy")
    train = "train: {epochs: 4, lr: 0.02, batch_size: 16}"
    assert train in text
    text = text.replace(train, "train: {mode: joint}").replace("epochs: 1, lr: 0.02", "epochs: 1")
    (tmp_path / "task.yaml").write_text(text)
    with pytest.raises(UserError, match=r"workload\.task is segmentation; allowed there: classif"):
        ep.run(tmp_path / "task.yaml", run_dir=tmp_path / "run", progress=False)


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        (["workload.task=segmentatoin"], r"task is 'segmentatoin'; allowed.*segmentation"),
        (["workload.metrics=[miou]"], r"'miou'; allowed for segmentation: mIoU.*mIoU"),
        (["workload.task=regression", "workload.metrics=[MAE]"], "of which less is better"),
        (["workload.task_args={ignored: 3}"], r"takes no 'ignored'; allowed: ignore"),
        (["workload.task=tests.made_tasks:Squares"], "no class derived from edgeprune.tasks.Task"),
    ],
)
def test_a_wrong_task_is_told_before_anything_is_loaded(
    tmp_path: Path, settings: list[str], message: str
) -> None:
    text = PIPELINE.format(task="segmentation", heads="masks", sampler="random", reward="accuracy")
    (tmp_path / "task.yaml").write_text(text)
    with pytest.raises(UserError, match=message):
        ep.run(
            tmp_path / "task.yaml",
            run_dir=tmp_path / "run",
            progress=False,
            overrides=settings,
        )
    assert not (tmp_path / "run").exists()
