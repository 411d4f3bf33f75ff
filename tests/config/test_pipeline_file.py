from pathlib import Path
from typing import get_args

import pytest
from pydantic import ValidationError

from edgeprune.config import (
    BudgetConfig,
    PipelineConfig,
    TargetConfig,
    dump_pipeline,
    load_pipeline,
)
from edgeprune.config.schema import section_of
from edgeprune.config.section import Section

EXAMPLES = sorted((Path(__file__).parents[2] / "examples").glob("*.yaml"))


@pytest.mark.parametrize("path", EXAMPLES, ids=lambda path: path.stem)
def test_every_example_loads_and_survives_a_round_trip(path, write) -> None:
    config = load_pipeline(path)
    assert load_pipeline(write(dump_pipeline(config))) == config


def test_the_digits_example_is_what_the_readme_shows() -> None:
    config = load_pipeline(Path(__file__).parents[2] / "examples" / "digits.yaml")
    assert (config.workload.model.name, config.workload.model.weights) == ("resnet20", None)
    assert config.workload.data.name == "digits"
    assert config.workload.train is not None and config.workload.train.epochs == 12
    assert (config.target, config.budget.latency) == ("local", 0.25)
    assert (config.search.sampler, config.search.trials) == ("knapsack", 40)


def test_the_cifar_example_finds_the_shared_files(monkeypatch: pytest.MonkeyPatch) -> None:
    example = Path(__file__).parents[2] / "examples" / "cifar10-resnet20.yaml"
    monkeypatch.delenv("EDGEPRUNE_SHARED", raising=False)
    beside = example.parents[2] / "shared"
    assert load_pipeline(example).workload.data.root == beside / "data" / "cifar10-jpeg.tar.xz"
    monkeypatch.setenv("EDGEPRUNE_SHARED", "/mnt/files")
    data = load_pipeline(example).workload.data
    assert data.reward_list == Path("/mnt/files/data/cifar10-reward.txt")
    assert data.test_list == Path("/mnt/files/data/cifar10-test.txt")


def test_defaults_are_filled_in(write, good: str) -> None:
    config = load_pipeline(write(good))
    assert (config.target, config.budget.text) == ("local", "0.5x")
    assert (config.prune.importance, config.prune.min_keep) == ("obs", 0.1)
    assert (config.recover.images, config.finetune.temperature) == (512, 4.0)
    assert config.export.formats == ("onnx",)


def test_a_budget_in_milliseconds(write, good: str) -> None:
    config = load_pipeline(write(good.replace("latency: 0.5x", "latency_ms: 3.5")))
    assert (config.budget.latency, config.budget.text) == (None, "3.5 ms")


def test_settings_cannot_be_changed(write, good: str) -> None:
    config = load_pipeline(write(good))
    with pytest.raises(ValidationError, match="frozen"):
        config.search.trials = 3


def test_awkward_values_survive_a_round_trip(write, good: str, tmp_path: Path) -> None:
    options = "{a: '1e-3', b: 1e-3, c: 'null', d: 'yes', e: '', f: '0x1f', g: null, h: [é, '1:30']}"
    config = load_pipeline(
        write(f"{good}search: {{options: {options}}}\n"),
        ["budget.latency=0.333333333333333333x", "workload.data.root=/a/$${b}/~c"],
    )
    assert config.search.options == {
        **{"a": "1e-3", "b": 0.001, "c": "null", "d": "yes", "e": "", "f": "0x1f", "g": None},
        "h": ["é", "1:30"],
    }
    assert config.workload.data.root == Path("/a/${b}/~c")
    assert load_pipeline(write(dump_pipeline(config))) == config


def test_a_ratio_in_python_is_a_number() -> None:
    assert BudgetConfig(latency=0.25).text == "0.25x"
    with pytest.raises(ValidationError, match="above 0x and below 1x"):
        BudgetConfig(latency=1.0)


def _sections(top: type[Section]) -> dict[str, type[Section]]:
    found = {top.__name__: top}
    for field in top.model_fields.values():
        inner = section_of(field)
        found |= _sections(inner) if inner else {}
    return found


@pytest.mark.parametrize("top", [PipelineConfig, TargetConfig])
def test_every_setting_is_described_for_the_reference(top: type[Section]) -> None:
    for name, section in _sections(top).items():
        assert section.__doc__, name
        for key, field in section.model_fields.items():
            assert (field.description or "").endswith("."), f"{name}.{key}"
            assert type(None) not in get_args(field.annotation) or field.default is None


@pytest.mark.parametrize("word", ["none", "off", "'off'", "OFF", "no", "false"])
def test_a_history_that_is_off_is_no_file_of_that_name(word: str, write, good: str) -> None:
    assert load_pipeline(write(f"{good}\nhistory: {word}\n")).history == "none"


@pytest.mark.parametrize(
    ("written", "texts"),
    [
        ("latency: [0.7x, 0.5x, 0.35x]", ["0.7x", "0.5x", "0.35x"]),
        ("latency_ms: [8, 5.5]", ["8 ms", "5.5 ms"]),
        ("latency: [0.4x]", ["0.4x"]),
    ],
)
def test_several_budgets_from_loose_to_tight(
    written: str, texts: list[str], write, good: str
) -> None:
    config = load_pipeline(write(good.replace("latency: 0.5x", written)))
    assert [one.text for one in config.budget.each] == texts
    assert config.budget.text == ", ".join(texts)
    assert load_pipeline(write(dump_pipeline(config))).budget == config.budget


def test_several_budgets_on_the_command_line(write, good: str) -> None:
    config = load_pipeline(write(good), ["budget.latency=[0.7x,0.5x]"])
    assert config.budget.latency == (0.7, 0.5)
    config = load_pipeline(write(good), ["budget.latency_ms=[8,5]"])
    assert (config.budget.latency, config.budget.latency_ms) == (None, (8.0, 5.0))


def test_a_budget_as_a_ratio() -> None:
    assert BudgetConfig(latency=(0.7, 0.5)).ratio(10) == 0.5
    assert BudgetConfig(latency_ms=(8.0, 5.0)).ratio(10) == 0.5
    assert [one.ratio(10) for one in BudgetConfig(latency_ms=(8.0, 5.0)).each] == [0.8, 0.5]
