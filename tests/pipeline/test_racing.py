"""The race that chooses the result: who runs, who is dropped, who wins, and what it costs."""

import itertools
import math
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

import edgeprune as ep
from edgeprune.pipeline.field import FINALISTS, NEAR_MISS, Contender, Field, promising, within
from edgeprune.pipeline.networks import Networks
from edgeprune.pipeline.stages import race as racing
from edgeprune.pipeline.stages.race import rungs
from edgeprune.search import Outcome, SearchResult, SearchTrial
from tests.conftest import TINY

#: Accuracy on the reward split that a contender is made to have, by its widths.
Judge = Callable[[dict[str, int]], float]


@pytest.fixture(scope="module")
def finished(tmp_path_factory: pytest.TempPathFactory) -> ep.RunResult:
    folder = tmp_path_factory.mktemp("raced")
    (folder / "tiny.yaml").write_text(TINY)
    overrides = ["finetune.epochs=4"]
    return ep.run(folder / "tiny.yaml", run_dir=folder / "run", progress=False, overrides=overrides)


def _own(race: list[dict[str, Any]]) -> list[dict[str, Any]]:
    return [one for one in race if not one["roles"]]


@pytest.mark.parametrize(
    ("epochs", "expected"),
    [(0, (0,)), (1, (1,)), (2, (1, 2)), (3, (1, 2, 3)), (4, (1, 2, 4)), (8, (2, 4, 8))],
)
def test_contenders_are_compared_after_a_quarter_and_a_half(
    epochs: int, expected: tuple[int, ...]
) -> None:
    assert rungs(epochs) == expected


def test_equal_widths_are_one_contender() -> None:
    field = Field.of(
        [
            Contender("search-3", "amc trial 3", {"a": 4}),
            Contender("filled", "uniform-L1, filled", {"a": 8}, ("filled",)),
            Contender("uniform", "uniform-L1", {"a": 4}, ("uniform",)),
        ]
    )
    first, second = field.contenders
    assert (first.name, first.roles) == ("search-3", ("uniform",))
    assert first.found_by == "amc trial 3 = uniform-L1"
    assert second.name == "filled"
    assert Field.model_validate_json(field.model_dump_json()) == field


def test_finalists_are_the_best_by_several_promises() -> None:
    # Accuracy before fine-tuning and millions of MACs: the best of each is among the first three.
    known = [(0.60, 10.0), (0.55, 13.0), (0.10, 20.0), (0.05, 9.0)]
    trials = [
        SearchTrial(number, {"a": number}, Outcome(reward, 1.0, 0.5, int(macs * 1e6), 1, 1), reward)
        for number, (reward, macs) in enumerate(known)
    ]
    order = [trial.number for trial in promising(trials)]
    assert set(order[:3]) == {0, 1, 2}
    assert order[0] == max(trials, key=lambda one: one.reward + math.log(one.outcome.macs)).number
    assert sorted(order) == [0, 1, 2, 3] and order[-1] == 3


@pytest.mark.parametrize(
    ("costs", "expected"),
    [
        ([0.48, 0.49, 0.5, 0.44, 0.46, 0.51], {0, 1, 2, 3, 4}),
        ([0.51, 0.48, 0.52, 0.6, 0.53, 0.54], {0, 1, 2, 4}),
        ([0.51, 0.6, 0.7], {0}),
        ([0.7, 0.6], {1}),
    ],
)
def test_near_misses_stand_in_where_few_trials_are_within_the_budget(
    costs: list[float], expected: set[int]
) -> None:
    trials = [
        SearchTrial(number, {"a": number}, Outcome(cost, cost, cost, 1, 1, 1), 1 - cost)
        for number, cost in enumerate(costs)
    ]
    found = within(SearchResult(tuple(trials), budget=0.5), 0.5, NEAR_MISS)
    assert {trial.number for trial in found} == expected
    assert [one.reward for one in found] == sorted((one.reward for one in found), reverse=True)


def test_the_worse_half_is_dropped_and_baselines_never_are(finished: ep.RunResult) -> None:
    race = finished.manifest["race"]
    # Uniform plans keep their L1 channels, so that equal widths may be another network there.
    by_l1 = [one for one in race if {"uniform", "filled"} & set(one["roles"])]
    for alike in (by_l1, [one for one in race if one not in by_l1]):
        assert len({tuple(one["widths"].items()) for one in alike}) == len(alike)
    assert sorted(role for one in race for role in one["roles"]) == ["filled", "random", "uniform"]
    alive = _own(race)
    images = 359  # of the digits, `reward_split` of those that are no test images
    assert len(alive) <= FINALISTS
    for rung in ("1", "2"):
        ranked = sorted(alive, key=lambda one: -one["reward_accuracy"][rung])
        kept = ranked[: -(-len(ranked) // 2)]
        # Those stay as well that chance may have put behind the best.
        best = ranked[0]["reward_accuracy"][rung]
        error = math.sqrt(best * (1 - best) / images)
        kept += [one for one in ranked[len(kept) :] if best - one["reward_accuracy"][rung] <= error]
        assert all(one["dropped_after"] == int(rung) for one in ranked if one not in kept)
        alive = kept
    ended = [one for one in race if one["dropped_after"] is None]
    assert all(one["epochs"] == 4 for one in ended)
    assert {one["name"] for one in ended} >= {one["name"] for one in race if one["roles"]}
    assert all(one["seconds"] > 0 for one in race)


def test_the_result_is_the_best_on_the_reward_split_whoever_found_it(
    finished: ep.RunResult,
) -> None:
    manifest = finished.manifest
    ended = [one for one in manifest["race"] if one["dropped_after"] is None]
    best = max(one["reward_accuracy"]["4"] for one in ended)
    result = manifest["result"]
    assert result["reward_accuracy"] == best
    assert all(one["reward_accuracy"] <= best for one in manifest["baselines"].values())
    assert result["found_by"] in {one["found_by"] for one in ended}
    assert "reward split" in finished.report.read_text()


def test_all_files_meet_the_budget_and_nothing_unfinished_stays(finished: ep.RunResult) -> None:
    rows = [finished.manifest["result"], *finished.manifest["baselines"].values()]
    assert all(row["met"] and row["ratio"] <= 0.6 for row in rows)
    assert not list(finished.directory.rglob("*.checkpoint"))


def test_filling_spends_what_the_uniform_plan_leaves_of_the_budget(
    tmp_path: Path, tiny_pipeline: Path
) -> None:
    overrides = ["budget.latency=0.8x", "finetune.epochs=0", "workload.train.epochs=1"]
    result = ep.run(
        tiny_pipeline,
        run_dir=tmp_path / "run",
        overrides=[*overrides, "search.trials=2"],
        progress=False,
    )
    plain, filled = (result.manifest["baselines"][name] for name in ("uniform", "filled"))
    assert plain["ratio"] < filled["ratio"] <= 0.8
    assert all(filled["widths"][name] >= width for name, width in plain["widths"].items())


def test_without_training_the_reward_accuracy_ranks(tmp_path: Path, tiny_pipeline: Path) -> None:
    result = ep.run(
        tiny_pipeline,
        run_dir=tmp_path / "run",
        overrides=["finetune.epochs=0", "workload.train.epochs=1"],
        progress=False,
    )
    scores = [one["reward_accuracy"]["0"] for one in result.manifest["race"]]
    assert result.manifest["result"]["reward_accuracy"] == max(scores)
    assert all(one["epochs"] == 0 for one in result.manifest["race"])


def test_fewer_trials_than_finalists(tmp_path: Path, tiny_pipeline: Path) -> None:
    overrides = ["search.trials=1", "finetune.epochs=1", "workload.train.epochs=1"]
    result = ep.run(tiny_pipeline, run_dir=tmp_path / "run", overrides=overrides, progress=False)
    assert result.met
    assert len(_own(result.manifest["race"])) <= 1


def _rigged(monkeypatch: pytest.MonkeyPatch, scores: Callable[[int], float]) -> None:
    """Give the contenders of the last rung, in the order they start, these reward accuracies."""
    count = itertools.count()
    monkeypatch.setattr(racing._Race, "_score", lambda race, one: scores(next(count)))


def test_a_baseline_that_wins_is_handed_over_and_said_to_have_won(
    tmp_path: Path, tiny_pipeline: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    _rigged(monkeypatch, lambda number: 0.1 + 0.01 * number)  # the last one is a baseline
    result = ep.run(
        tiny_pipeline,
        run_dir=tmp_path / "run",
        overrides=[
            "finetune.epochs=0",
            "workload.train.epochs=1",
            "search.sampler=optuna:TPESampler",
        ],
        progress=False,
    )
    manifest = result.manifest
    winner = manifest["race"][-1]
    role = winner["roles"][0]
    assert manifest["result"]["found_by"] == winner["found_by"]
    assert manifest["result"]["roles"] == winner["roles"]
    assert manifest["widths"] == winner["widths"] == manifest["baselines"][role]["widths"]
    for name in ("verification", "ratio", "candidate"):  # scored and measured once
        assert manifest["result"][name] == manifest["baselines"][role][name]
    assert "did better than a baseline" in result.report.read_text()
    assert "its plan is the result" in result.report.read_text()


def _slow_winner(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The file of the contender that is asked about first misses the budget; gives who it was."""
    measured = Networks.cost
    refused: list[str] = []

    def slow(self: Any, one: Contender) -> float:
        ratio = measured(self, one)
        if not refused:
            refused.append(one.found_by)
        return 0.61 if one.found_by == refused[0] else ratio

    monkeypatch.setattr(Networks, "cost", slow)
    return refused


FILES = ["finetune.epochs=0", "workload.train.epochs=1", "search.trials=8"]


def test_a_file_that_misses_the_budget_gives_way_to_the_next_best(
    tmp_path: Path, tiny_pipeline: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    _rigged(monkeypatch, lambda number: 0.9 - 0.01 * number)
    refused = _slow_winner(monkeypatch)
    result = ep.run(tiny_pipeline, run_dir=tmp_path / "run", overrides=FILES, progress=False)
    race = result.manifest["race"]
    assert result.met
    assert result.manifest["result"]["found_by"] == race[1]["found_by"] != refused[0]
    assert "did not meet the budget" in result.report.read_text()
    assert "the next best is taken" in (result.directory / "log.txt").read_text()


def test_a_winner_whose_file_misses_the_budget_is_trained_once_more_narrower(
    tmp_path: Path, tiny_pipeline: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # The narrower one, which is judged last, is nearly as good as the winner.
    _rigged(monkeypatch, lambda number: 0.9 if number == 0 else 0.1 + 0.1 * number)
    refused = _slow_winner(monkeypatch)
    result = ep.run(tiny_pipeline, run_dir=tmp_path / "run", overrides=FILES, progress=False)
    first, *_, again = result.bundle.race
    assert first.found_by == refused[0] and again.name == f"{first.name}-narrower"
    assert result.met and result.bundle.result.found_by == again.found_by
    assert again.found_by == f"{first.found_by}, narrowed after its training"
    assert again.widths != first.widths
    assert result.bundle.result.widths == again.widths
    assert "trained once more, narrower" in (result.directory / "log.txt").read_text()
    # Another process finds the same.
    (result.directory / "stages" / "bundle.json").unlink()
    (result.directory / "stages" / "race.json").unlink()
    (result.directory / "stages" / "result.json").unlink()
    assert ep.resume(result.directory, progress=False).bundle.result.widths == again.widths


def test_a_network_that_fine_tuning_ruins_is_not_the_result(
    tmp_path: Path, tiny_pipeline: Path
) -> None:
    overrides = ["finetune.lr=3", "finetune.clip=0", "finetune.epochs=1", "search.trials=4"]
    result = ep.run(tiny_pipeline, run_dir=tmp_path / "run", overrides=overrides, progress=False)
    log = (result.directory / "log.txt").read_text()
    assert "fine-tuning made" in log and "trying 0.6" in log
    manifest = result.manifest["result"]
    assert manifest["found_by"].endswith(("not fine-tuned", "at a fifth of the learning rate"))
    reward = max(one.reward for one in result.trials)
    assert manifest["reward_accuracy"] >= reward - 0.05
    assert manifest["reward_accuracy"] == max(one.score for one in result.bundle.race)
    # Baselines are mended alike, and another process finds the same.
    words = {one["found_by"] for one in result.manifest["baselines"].values()}
    assert all(", not fine-tuned" in one or ", at a fifth" in one for one in words)
    for name in ("bundle", "race", "result"):
        (result.directory / "stages" / f"{name}.json").unlink()
    again = ep.resume(result.directory, progress=False).manifest["result"]
    assert {**again, "candidate": 0, "baseline": 0, "ratio": 0, "ratio_interval": 0} == {
        **manifest, "candidate": 0, "baseline": 0, "ratio": 0, "ratio_interval": 0,
    }  # fmt: skip
    assert not list(result.directory.rglob("*.checkpoint"))


def test_a_training_that_diverges_does_not_end_the_run(tmp_path: Path, tiny_pipeline: Path) -> None:
    overrides = ["finetune.lr=1e30", "finetune.clip=0", "finetune.epochs=1", "search.trials=2"]
    result = ep.run(tiny_pipeline, run_dir=tmp_path / "run", overrides=overrides, progress=False)
    assert "use a smaller lr" in (result.directory / "log.txt").read_text()
    assert result.met and result.manifest["result"]["found_by"].endswith(", not fine-tuned")
    assert result.manifest["result"]["reward_accuracy"] > 0.2
