from pathlib import Path

import pytest

from edgeprune.config import dump_pipeline, load_pipeline

IMAGES = """\
workload:
  model:
    name: resnet20
    weights: %s
  data: {name: imagefolder, root: images, reward_list: lists/../reward.txt}
budget: {latency: 0.5x}
"""


def test_paths_are_relative_to_the_file(write, tmp_path: Path, monkeypatch) -> None:
    write(IMAGES % "w.pt")
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    monkeypatch.chdir(elsewhere)
    config = load_pipeline("../pipeline.yaml")
    assert config.workload.model.weights == tmp_path / "w.pt"
    assert config.workload.data.root == tmp_path / "images"
    assert config.workload.data.reward_list == tmp_path / "reward.txt"


def test_paths_of_overrides_are_relative_to_the_current_folder(
    write, tmp_path: Path, monkeypatch
) -> None:
    path = write(IMAGES % "w.pt")
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    monkeypatch.chdir(elsewhere)
    (elsewhere / "board.yaml").touch()
    config = load_pipeline(path, ["workload.data.root=mine", "target=board.yaml"])
    assert config.target == str(elsewhere / "board.yaml")
    assert config.workload.data.root == elsewhere / "mine"
    assert config.workload.data.reward_list == tmp_path / "reward.txt"


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("${HERE}/w.pt", "/deep/w.pt"),
        ("${HERE:-/other}/w.pt", "/deep/w.pt"),
        ("${EMPTY:-/other}/w.pt", "/other/w.pt"),
        ("'${NOT_SET:-~/models}/w.pt'", "/home/me/models/w.pt"),
        ("'~/w.pt'", "/home/me/w.pt"),
        ("/a/$HOME/w.pt", "/a/$HOME/w.pt"),
        ("/a/$${HERE}/w.pt", "/a/${HERE}/w.pt"),
    ],
)
def test_variables(text: str, expected: str, write, monkeypatch) -> None:
    monkeypatch.setenv("HERE", "/deep")
    monkeypatch.setenv("EMPTY", "")
    monkeypatch.setenv("HOME", "/home/me")
    monkeypatch.delenv("NOT_SET", raising=False)
    assert load_pipeline(write(IMAGES % text)).workload.model.weights == Path(expected)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("${NOT_SET}/w.pt", "the environment variable NOT_SET is not set; set it, or write"),
        ("'${NOT SET}/w.pt'", "'${' starts no variable; allowed: ${VAR}, ${VAR:-default}"),
        ("'${NOT_SET'", "'${' starts no variable"),
        ("''", "a path cannot be empty"),
        ("~nobody-of-that-name/w.pt", "cannot be resolved"),
        ('"a\\0b"', "null character"),
    ],
)
def test_paths_that_lead_nowhere(text: str, said: str, complain, monkeypatch) -> None:
    monkeypatch.delenv("NOT_SET", raising=False)
    message = complain(IMAGES % text)
    assert message.startswith("pipeline.yaml:4:14: workload.model.weights: ")
    assert said in message
    assert len(message.splitlines()) == 1


def test_a_variable_in_braces_needs_quotes(complain) -> None:
    assert "put a value with ${...} in quotes" in complain("a: {b: ${HOME}/w.pt}\n")


def test_pretrained_is_a_word_and_no_path(write) -> None:
    assert load_pipeline(write(IMAGES % "pretrained")).workload.model.weights == "pretrained"


def test_a_dumped_pipeline_loads_from_any_folder(write, tmp_path: Path, monkeypatch) -> None:
    (tmp_path / "${odd}.yaml").write_text("{name: board, kind: local}")
    config = load_pipeline(write(IMAGES % "w.pt" + "target: ./$${odd}.yaml\n"))
    assert config.target == str(tmp_path / "${odd}.yaml")
    elsewhere = tmp_path / "runs" / "1"
    elsewhere.mkdir(parents=True)
    (elsewhere / "pipeline.yaml").write_text(dump_pipeline(config))
    monkeypatch.chdir("/")
    assert load_pipeline(elsewhere / "pipeline.yaml") == config
