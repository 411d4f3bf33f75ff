"""Profiles that build on one another."""

from pathlib import Path

import pytest

from edgeprune.config import load_target
from edgeprune.errors import ConfigError


def _profile(folder: Path, name: str, text: str) -> Path:
    path = folder / f"{name}.yaml"
    path.write_text(text)
    return path


def test_a_shipped_profile_is_extended_key_by_key(tmp_path: Path) -> None:
    path = _profile(
        tmp_path,
        "mine",
        "name: mine\nextends: raspberry-pi-4\nssh: {host: 10.0.0.7}\nmeasure: {runs: 20}\n",
    )
    target = load_target(str(path))
    assert target.ssh is not None
    assert (target.ssh.host, target.ssh.user) == ("10.0.0.7", "pi")
    assert (target.measure.runs, target.measure.warmup) == (20, 10)
    assert target.cpu == "cortex-a72" and target.channel_multiple.conv == 8


def test_chains_and_relative_paths(tmp_path: Path) -> None:
    _profile(tmp_path, "first", "name: first\nkind: ssh\nssh: {host: a, key: key}\nthreads: 2\n")
    (tmp_path / "sub").mkdir()
    _profile(tmp_path / "sub", "second", "name: second\nextends: ../first.yaml\nthreads: 3\n")
    path = _profile(tmp_path, "third", "name: third\nextends: ./sub/second.yaml\n")
    target = load_target(str(path))
    assert target.threads == 3
    # Relative to the file it stands in, not to the one that inherits it.
    assert target.ssh is not None and target.ssh.key == tmp_path / "key"


def test_null_drops_what_is_inherited(tmp_path: Path) -> None:
    text = "name: here\nextends: raspberry-pi-4\nkind: local\narchitecture: null\n"
    with pytest.raises(ConfigError, match=r"section 'ssh' would never be used.*write null"):
        load_target(str(_profile(tmp_path, "wrong", text)))
    assert load_target(str(_profile(tmp_path, "right", text + "ssh: null\n"))).kind == "local"


def test_a_circle_is_named(tmp_path: Path) -> None:
    _profile(tmp_path, "a", "name: a\nextends: ./b.yaml\n")
    path = _profile(tmp_path, "b", "name: b\nextends: ./a.yaml\n")
    with pytest.raises(ConfigError, match=r"extends: goes in a circle: b.yaml -> a.yaml -> b.yaml"):
        load_target(str(path))
    own = _profile(tmp_path, "own", "name: own\nextends: ./own.yaml\n")
    with pytest.raises(ConfigError, match=r"own.yaml -> own.yaml"):
        load_target(str(own))


def test_a_mistake_is_shown_where_it_was_made(tmp_path: Path) -> None:
    _profile(tmp_path, "first", "name: first\nkind: local\nthreads: none\n")
    path = _profile(tmp_path, "second", "name: second\nextends: ./first.yaml\n")
    with pytest.raises(ConfigError, match=r"first.yaml:3:10: threads: must be a whole number"):
        load_target(str(path))
    unknown = _profile(tmp_path, "third", "name: third\nextends: raspbery-pi-4\n")
    with pytest.raises(ConfigError, match=r"third.yaml:2:10: extends: unknown target .*mean"):
        load_target(str(unknown))
