"""The commands that bring a model onto its device are those that a user types."""

import shlex
from pathlib import Path

import pytest

from edgeprune.config import dump_pipeline, load_pipeline
from edgeprune.pipeline.deploying import deploy_commands
from edgeprune.pipeline.run_directory import RunDirectory

SSH = """
name: kitchen pi
kind: ssh
architecture: aarch64
ssh: {host: pi.local, user: me, port: 2222, key: KEY, jump: gate}
"""


def _directory(folder: Path, pipeline: Path, target: str) -> RunDirectory:
    directory = RunDirectory(folder / "my run")
    directory.path.mkdir()
    config = load_pipeline(pipeline, [f"target={target}"])
    directory.pipeline.write_text(dump_pipeline(config))
    return directory


def test_of_a_board_it_is_built_copied_and_tried(tiny_pipeline: Path, tmp_path: Path) -> None:
    profile = tmp_path / "pi.yaml"
    key = tmp_path / "key"
    key.write_text("")
    profile.write_text(SSH.replace("KEY", str(key)))
    build, copy, install = deploy_commands(_directory(tmp_path, tiny_pipeline, str(profile)))
    assert build == f"edgeprune build '{tmp_path}/my run' --target {profile}"
    assert copy == f"scp -r -i {key} -J gate -P 2222 'dist/kitchen pi' me@pi.local:"
    words = shlex.split(install)
    assert words[:-1] == ["ssh", "-i", str(key), "-J", "gate", "-p", "2222", "me@pi.local"]
    assert shlex.split(words[-1]) == ["sh", "kitchen pi/install.sh"]


@pytest.mark.parametrize(("target", "count"), [("local", 2), ("simulated", 0)])
def test_of_this_machine_and_of_no_device(
    target: str, count: int, tiny_pipeline: Path, tmp_path: Path
) -> None:
    commands = deploy_commands(_directory(tmp_path, tiny_pipeline, target))
    assert len(commands) == count
    assert all("local" in command for command in commands)


def test_a_profile_that_is_gone_is_no_reason_for_no_report(
    tiny_pipeline: Path, tmp_path: Path
) -> None:
    profile = tmp_path / "gone.yaml"
    profile.write_text("{name: gone, kind: local}")
    directory = _directory(tmp_path, tiny_pipeline, str(profile))
    profile.unlink()
    assert deploy_commands(directory) == ()
