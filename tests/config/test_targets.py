from pathlib import Path

import pytest

from edgeprune.config import load_target
from edgeprune.errors import ConfigError

PROFILES = sorted((Path(__file__).parents[2] / "targets").glob("*.yaml"))


def _message(reference: str, **where: Path) -> str:
    with pytest.raises(ConfigError) as caught:
        load_target(reference, **where)
    return str(caught.value)


@pytest.mark.parametrize("path", PROFILES, ids=lambda path: path.stem)
def test_every_shipped_profile_loads_under_its_name(path: Path) -> None:
    assert load_target(path.stem).name == path.stem
    assert load_target(str(path)) == load_target(path.stem)


def test_local_and_simulated_are_shipped() -> None:
    assert load_target("local").kind == "local"
    assert load_target("simulated").simulated is not None


@pytest.mark.parametrize("misspelt", ["lokal", "locla", "locl.yaml", "./targets/lcal.yaml"])
def test_an_unknown_target(misspelt: str, tmp_path: Path) -> None:
    message = _message(misspelt, base=tmp_path)
    assert "or the path of a YAML file" in message
    assert "raspberry-pi-4" in message and "simulated" in message
    assert message.endswith("did you mean 'local'?")


def test_a_profile_of_your_own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "mine.yaml").write_text("{name: mine, kind: local, threads: 2}")
    assert load_target("mine.yaml", base=tmp_path).threads == 2
    assert load_target(str(tmp_path / "mine.yaml")).threads == 2
    monkeypatch.chdir(tmp_path)
    assert load_target("./mine.yaml").measure.warmup == 20


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("name: mine\nkind: local\nthreads: 0\n", ":3:10: threads: must be a whole number at"),
        ("name: mine\nkind: locall\n", "'simulated'; got 'locall'; did you mean 'local'?"),
        ("name: mine\nkind: local\nmeasure: {run: 3}\n", ":3:11: measure.run: unknown key 'run'"),
        ("kind: local\n", ":1:1: name: missing. What reports call it."),
        ("name: mine\nkind: simulated\n", ":1:1: kind is simulated, so a section 'simulated' is"),
        ("name: m\nkind: local\nsimulated: {ns_per_mac: 1}\n", "would never be used; remove it"),
        ("name: m\nkind: simulated\nsimulated: {noise: 1}\n", "simulated.noise: must be a number"),
        (
            "name: m\nkind: local\nruntime: onnx\n",
            "runtime: must be one of 'onnxruntime', 'tflite', 'tvm'; got 'onnx'",
        ),
        ("", "is empty"),
        *(
            (f"name: {name}\nkind: local\n", ":1:7: name: must be a name that a folder can have")
            for name in ("../victim", "/etc", "..", "-rf", "'a\\b'", r'"a\nb"', "'c:d'")
        ),
    ],
)
def test_profiles_that_cannot_be_used(text: str, said: str, tmp_path: Path) -> None:
    path = tmp_path / "mine.yaml"
    path.write_text(text)
    message = _message(str(path))
    assert message.startswith(str(path))
    assert said in message
