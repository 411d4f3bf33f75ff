from pathlib import Path

import pytest

from edgeprune.config import dump_pipeline, load_pipeline, load_target
from edgeprune.errors import ConfigError

ROOT = Path(__file__).parents[2]
GOOD = """\
workload:
  model: {name: resnet20}
  data: {name: digits}
  train: {epochs: 2}
budget: {latency: 0.5x}
"""


def _write(folder: Path, text: str) -> Path:
    path = folder / "pipeline.yaml"
    path.write_text(text)
    return path


def _message(path: Path, *overrides: str) -> str:
    with pytest.raises(ConfigError) as caught:
        load_pipeline(path, overrides)
    return str(caught.value)


@pytest.mark.parametrize("path", sorted((ROOT / "examples").glob("*.yaml")), ids=lambda p: p.stem)
def test_every_example_loads_and_survives_a_round_trip(path: Path, tmp_path: Path) -> None:
    config = load_pipeline(path)
    assert load_pipeline(_write(tmp_path, dump_pipeline(config))) == config


@pytest.mark.parametrize("path", sorted((ROOT / "targets").glob("*.yaml")), ids=lambda p: p.stem)
def test_every_shipped_profile_loads_under_its_name(path: Path) -> None:
    assert load_target(path.stem).name == path.stem


def test_defaults_are_filled_in(tmp_path: Path) -> None:
    config = load_pipeline(_write(tmp_path, GOOD))
    assert config.target == "local"
    assert config.search.trials == 80
    assert config.budget.latency == 0.5
    assert config.budget.text == "0.5x"


def test_a_misspelt_key_names_line_allowed_and_nearest(tmp_path: Path) -> None:
    path = _write(tmp_path, GOOD.replace("budget: {latency", "budget: {latencyy"))
    message = _message(path)
    assert message.startswith(f"{path}:5:10: budget.latencyy: unknown key 'latencyy'")
    assert "allowed: latency, latency_ms" in message
    assert "did you mean 'latency'?" in message


@pytest.mark.parametrize(
    ("old", "new", "key", "meant"),
    [
        ("workload:", "worklod:", "worklod", "workload"),
        ("model:", "modle:", "workload.modle", "model"),
        ("{name: resnet20}", "{name: r, wieghts: x}", "workload.model.wieghts", "weights"),
        ("{name: digits}", "{name: digits, sed: 1}", "workload.data.sed", "seed"),
        ("{epochs: 2}", "{epoch: 2}", "workload.train.epoch", "epochs"),
    ],
)
def test_misspelt_keys_at_every_level(
    old: str, new: str, key: str, meant: str, tmp_path: Path
) -> None:
    message = _message(_write(tmp_path, GOOD.replace(old, new)))
    assert f"{key}: unknown key" in message
    assert f"did you mean '{meant}'?" in message


@pytest.mark.parametrize("value", ["0", "0x", "2x", "1x", "fast", "-0.5x", "true", "0.5y", ".nan"])
def test_impossible_budgets_say_what_is_allowed(value: str, tmp_path: Path) -> None:
    message = _message(_write(tmp_path, GOOD.replace("0.5x", value)))
    assert ":5:10: budget.latency: " in message
    assert "allowed: a ratio above 0x and below 1x" in message


@pytest.mark.parametrize("budget", ["{}", "{latency: 0.5x, latency_ms: 3}"])
def test_exactly_one_budget(budget: str, tmp_path: Path) -> None:
    message = _message(_write(tmp_path, GOOD.replace("{latency: 0.5x}", budget)))
    assert "give one of latency (e.g. 0.5x) and latency_ms" in message


@pytest.mark.parametrize(
    ("override", "said"),
    [
        ("search.trials=0", "search.trials: 0: should be greater than or equal to 1"),
        ("search.trials=many", "search.trials: 'many': should be a valid integer"),
        ("search.trials=true", "search.trials: True"),
        ("prune.importance=l3", "allowed: 'l1', 'l2'"),
        ("prune.min_keep=.nan", "prune.min_keep"),
        ("workload.model=3", "allowed: a mapping with the keys name, num_classes"),
        ("workload.model.weights=3", "allowed: the path of a file"),
        ("export.formats=[onxx]", "did you mean 'onnx'?"),
        ("export.formats=[]", "export.formats"),
        ("budget.latency", "not of the form key=value"),
        ("budget.latency.x=1", "which has no keys"),
        ("search.trials=[", "no YAML value"),
        ("serch.trials=3", "did you mean 'search'?"),
    ],
)
def test_overrides_are_checked_like_the_file(override: str, said: str, tmp_path: Path) -> None:
    message = _message(_write(tmp_path, GOOD), override)
    assert message.startswith(f"--set {override}")
    assert said in message


def test_several_problems_are_told_at_once(tmp_path: Path) -> None:
    message = _message(_write(tmp_path, GOOD), "search.trials=0", "finetune.lr=x")
    assert len(message.splitlines()) == 2


def test_an_override_wins_and_the_other_budget_gives_way(tmp_path: Path) -> None:
    config = load_pipeline(_write(tmp_path, GOOD), ["budget.latency_ms=3", "finetune.lr=1e-3"])
    assert config.budget.latency is None
    assert config.budget.latency_ms == 3
    assert config.finetune.lr == 1e-3


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "the file is empty"),
        ("- a\n- b\n", "not a mapping"),
        ("a: [1\n", "not valid YAML"),
        (GOOD + "budget: {latency: 0.4x}\n", "key 'budget' is said twice"),
        ("a: !!python/object/apply:os.system ['true']\n", "not valid YAML"),
    ],
)
def test_files_that_are_no_pipeline(text: str, said: str, tmp_path: Path) -> None:
    path = _write(tmp_path, text)
    message = _message(path)
    assert said in message and message.startswith(str(path))


def test_files_that_are_not_there(tmp_path: Path) -> None:
    assert "no such file" in _message(tmp_path / "none.yaml")
    assert "cannot be read" in _message(tmp_path)
    (tmp_path / "binary.yaml").write_bytes(b"\xff\xfe\x00\xd8")
    assert "not text" in _message(tmp_path / "binary.yaml")


def test_paths_are_relative_to_the_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("WEIGHTS", "deep")
    text = GOOD.replace("{name: resnet20}", "{name: resnet20, weights: '${WEIGHTS}/../w.pt'}")
    config = load_pipeline(_write(tmp_path, text))
    assert config.workload.model.weights == tmp_path / "w.pt"
    monkeypatch.delenv("WEIGHTS")
    assert "environment variable WEIGHTS is not set" in _message(tmp_path / "pipeline.yaml")


def test_targets_by_name_and_by_path(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="did you mean 'local'"):
        load_target("lokal")
    profile = tmp_path / "mine.yaml"
    profile.write_text("name: mine\nkind: local\nthreads: 0\n")
    with pytest.raises(ConfigError, match=r"mine\.yaml:3:1: threads: 0"):
        load_target(str(profile))
    profile.write_text("name: mine\nkind: simulated\n")
    with pytest.raises(ConfigError, match="goes with kind: simulated"):
        load_target(str(profile))
    profile.write_text("name: mine\nkind: local\nthreads: 2\n")
    assert load_target("mine.yaml", base=tmp_path).threads == 2
