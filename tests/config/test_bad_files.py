from pathlib import Path

import pytest

from edgeprune.config import load_pipeline
from edgeprune.errors import ConfigError


def _refused(path: Path) -> str:
    with pytest.raises(ConfigError) as caught:
        load_pipeline(path)
    message = str(caught.value)
    assert message.startswith(f"{path}: ")
    return message.removeprefix(f"{path}: ")


def test_not_there(tmp_path: Path) -> None:
    assert _refused(tmp_path / "none" / "digits.yaml") == "there is no such file"
    (tmp_path / "digits.yaml").touch()
    assert "did you mean 'digits.yaml'?" in _refused(tmp_path / "digit.yaml")


def test_a_directory(tmp_path: Path) -> None:
    assert _refused(tmp_path) == "is a directory; give a YAML file"


@pytest.mark.parametrize("text", ["", "\n\n", "# only a comment\n", "---\n", "null\n"])
def test_empty(text: str, write) -> None:
    assert "is empty" in _refused(write(text))


def test_a_checkpoint_instead_of_a_pipeline(tmp_path: Path) -> None:
    path = tmp_path / "resnet20.pt"
    path.write_bytes(b"PK\x03\x04\xff\xfe" * 10)
    assert "is not UTF-8 text" in _refused(path)
    path.write_bytes(b"a" * (1 << 21))
    assert "is larger than 1 MiB" in _refused(path)


def test_a_byte_order_mark_is_no_problem(tmp_path: Path, good: str) -> None:
    path = tmp_path / "windows.yaml"
    path.write_bytes(good.replace("\n", "\r\n").encode("utf-8-sig"))
    assert load_pipeline(path).budget.latency == 0.5


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("a: [1\nb: 2\n", "2:2: is not YAML: while parsing a flow sequence, expected ','"),
        ("a: b: c\n", "1:5: is not YAML: mapping values are not allowed here"),
        ("a:\n\tb: 1\n", "2:1: is not YAML: while scanning for the next token, found character"),
        ("a:\n\tb: 1\n", "indent with spaces"),
        ("a: 1\n---\nb: 2\n", "expected a single document"),
        ("a: \x07\n", "is not YAML: unacceptable character"),
        ("a: *nobody\n", "1:4: is not YAML: found undefined alias 'nobody'"),
        ("a: &a [*a]\n", "an alias contains itself"),
        ("[" * 5000, "is nested too deeply"),
        ("- a\n- b\n", "1:1: must be a section with keys from workload, target, budget"),
        ("hello\n", "got 'hello'"),
        ("{1: 2, [a]: 3}\n", "1:2: a key must be text; got 1"),
        ("a: !!python/object/apply:os.getcwd []\n", "a: the tag '!!python/object/apply:os.getcwd'"),
        ("a: !!int x\n", "1:4: a: "),
    ],
)
def test_no_pipeline(text: str, said: str, complain) -> None:
    assert said in complain(text)


def test_a_key_given_twice_names_both_lines(complain, good: str) -> None:
    assert complain(good + "budget: {latency: 0.4x}\n") == (
        "pipeline.yaml:6:1: budget: the key is given twice; first in line 5"
    )


def test_a_value_that_cannot_be_read_is_told_once(complain, good: str) -> None:
    message = complain(good.replace("epochs: 2", "epochs: !!int x"))
    assert message.startswith("pipeline.yaml:4:19: workload.train.epochs: ")
    assert len(message.splitlines()) == 1


def test_numbers_are_read_as_they_look(write, good: str) -> None:
    text = good.replace("epochs: 2", "lr: 1e-3, epochs: 010, batch_size: 0x20, weight_decay: 5.E-4")
    train = load_pipeline(write(text)).workload.train
    assert train is not None
    assert (train.lr, train.epochs, train.batch_size) == (0.001, 10, 32)
    assert train.weight_decay == 0.0005
    assert load_pipeline(write(good), ["finetune.temperature=1e1"]).finetune.temperature == 10


def test_anchors_may_be_used(write, good: str) -> None:
    text = good.replace("{epochs: 2}", "{epochs: &n 3}") + "finetune: {epochs: *n}\n"
    assert load_pipeline(write(text)).finetune.epochs == 3
