from pathlib import Path

import pytest

from edgeprune.config import load_pipeline

TRIALS = "must be a whole number at least 1 and at most 1000000;"


@pytest.mark.parametrize(
    ("override", "said"),
    [
        ("budget.latency=2x", "budget.latency: must be a ratio"),
        ("budget.latencyy=0.5x", "budget.latencyy: unknown key 'latencyy'; allowed: latency, lat"),
        ("serch.trials=3", "serch: unknown key 'serch'"),
        ("serch.trials=3", "did you mean 'search'?"),
        ("search={trails: 3}", "search.trails: unknown key 'trails'"),
        ("search.trials=many", f"search.trials: {TRIALS} got 'many'"),
        ("search.trials=", f"search.trials: {TRIALS} got null"),
        ("search.options={a: 1, a: 2}", "search.options.a: the key is given twice"),
        ("search.trials=[1", "search.trials: the value is not YAML: while parsing a flow"),
        ("prune.include=*", "prune.include: the value is not YAML"),
        ("workload.model=3", "workload.model: must be a section with keys from name, num_classes"),
        ("budget.latency.x=1", "budget.latency: has no keys below it; it must be a number"),
        ("prune.include.0=x", "prune.include: has no keys below it; it must be a list"),
        ("budget.latency", "is no KEY=VALUE, such as budget.latency=0.4x"),
        ("=3", "is no KEY=VALUE"),
        ("budget..latency=3", "is no KEY=VALUE"),
        ("target=lokal", "target: unknown target 'lokal'"),
        (
            "budget=null",
            "budget: must be a section with keys from latency, latency_ms, sparsity, "
            "size, peak_memory, macs, energy, accuracy_drop; got null",
        ),
        ("workload.model.weights=w.pt", "workload: got both model.weights"),
    ],
)
def test_problems_name_the_override(override: str, said: str, complain, good: str) -> None:
    message = complain(good, override)
    assert message.startswith(f"--set {override}: ")
    assert said in message
    assert len(message.splitlines()) == 1


def test_an_override_wins_over_the_file_and_an_earlier_one(write, good: str) -> None:
    path = write(good)
    config = load_pipeline(path, ["budget.latency=0.4x", "budget.latency=0.3x", "target=simulated"])
    assert (config.budget.latency, config.target) == (0.3, "simulated")
    assert config.workload.train is not None and config.workload.train.epochs == 2


def test_of_two_overrides_the_wrong_one_is_named(complain, good: str) -> None:
    message = complain(good, "budget.latency=0.4x", "budget.latency=9x")
    assert message.startswith("--set budget.latency=9x: budget.latency: must be a ratio")
    assert len(message.splitlines()) == 1


def test_sections_are_made_where_the_file_has_none(write, good: str) -> None:
    path = write(good.replace("{epochs: 2}", "null"))
    config = load_pipeline(
        path, ["workload.train.lr=1e-2", "prune.include=[conv1, 'layer*']", "search.options.a.b=1"]
    )
    assert config.workload.train is not None and config.workload.train.lr == 0.01
    assert config.prune.include == ("conv1", "layer*")
    assert config.search.options == {"a": {"b": 1}}


def test_an_override_can_take_a_setting_away(write, good: str) -> None:
    config = load_pipeline(
        write(good), ["workload.train=null", "workload.model.weights=pretrained"]
    )
    assert (config.workload.train, config.workload.model.weights) == (None, "pretrained")


def test_the_other_way_to_give_the_budget_makes_way(write, good: str) -> None:
    path = write(good)
    config = load_pipeline(path, ["budget.latency_ms=3"])
    assert (config.budget.latency, config.budget.latency_ms) == (None, 3)
    config = load_pipeline(path, ["budget.latency_ms=3", "budget.latency=0.4x"])
    assert (config.budget.latency, config.budget.latency_ms) == (0.4, None)


def test_a_mistake_in_the_file_stays_a_mistake_of_the_file(complain, good: str) -> None:
    text = good.replace("{latency: 0.5x}", "fast")
    assert complain(text, "budget.latency=0.5x").startswith("pipeline.yaml:5:1: budget: must be a")


def test_the_file_is_left_as_it_is(write, good: str) -> None:
    path: Path = write(good)
    load_pipeline(path, ["budget.latency=0.4x"])
    assert path.read_text() == good
