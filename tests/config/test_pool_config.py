"""Targets of several boards: what a pipeline and a profile may say; what is refused."""

from pathlib import Path

import pytest

from edgeprune.config import dump_pipeline, load_boards, load_pipeline, load_target
from edgeprune.errors import ConfigError

PIPELINE = """\
workload:
  model: {name: resnet20}
  data: {name: digits}
budget: {latency: 0.5x}
target:
"""
BOARD = "kind: ssh\narchitecture: aarch64\n"


def write(folder: Path, **profiles: str) -> None:
    for name, text in profiles.items():
        own = f"name: {name}\n" if "name:" not in text else ""
        (folder / f"{name}.yaml").write_text(f"{own}{text}")


def pipeline(folder: Path, *targets: str) -> Path:
    path = folder / "pipeline.yaml"
    path.write_text(PIPELINE + "".join(f"  - {one}\n" for one in targets))
    return path


def test_a_list_of_profiles_is_a_pool(tmp_path: Path) -> None:
    write(tmp_path, a=BOARD + "ssh: {host: pi-a}\n", b=BOARD + "ssh: {host: pi-b}\n")
    config = load_pipeline(pipeline(tmp_path, "a.yaml", "b.yaml"))
    assert config.targets == (str(tmp_path / "a.yaml"), str(tmp_path / "b.yaml"))
    assert [board.name for board in load_boards(config)] == ["a", "b"]
    again = tmp_path / "elsewhere" / "kept.yaml"
    again.parent.mkdir()
    again.write_text(dump_pipeline(config))
    assert load_pipeline(again) == config


def test_an_override_may_be_a_list(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write(tmp_path, a=BOARD + "ssh: {host: pi-a}\n", b=BOARD + "ssh: {host: pi-b}\n")
    monkeypatch.chdir(tmp_path)
    config = load_pipeline(pipeline(tmp_path, "local"), ["target=[a.yaml, b.yaml]"])
    assert len(config.targets) == 2


def test_a_profile_with_several_hosts_is_a_pool(tmp_path: Path) -> None:
    write(
        tmp_path,
        drawer="extends: raspberry-pi-4\nssh: {hosts: [pi-a.local, '10.0.0.2', 'fe80::1']}\n",
        one="extends: drawer.yaml\nssh: {host: pi-c}\n",
    )
    target = load_target(str(tmp_path / "drawer.yaml"))
    boards = target.boards
    assert [board.name for board in boards] == [
        "drawer-pi-a.local",
        "drawer-10.0.0.2",
        "drawer-fe80--1",
    ]
    assert [board.ssh.host for board in boards if board.ssh] == [
        "pi-a.local",
        "10.0.0.2",
        "fe80::1",
    ]
    assert all(board.ssh and board.ssh.user == "pi" and not board.ssh.hosts for board in boards)
    single = load_target(str(tmp_path / "one.yaml"))
    assert single.boards == (single,) and single.ssh and single.ssh.address == "pi-c"


@pytest.mark.parametrize(
    ("profiles", "targets", "said"),
    [
        (
            {"a": "ssh: {host: x}\n"},
            ["a.yaml", "a.yaml"],
            r"pipeline.yaml:7:5: target\[1\]: the same board twice: x, port 22, is 'a' already",
        ),
        (
            {"a": "ssh: {host: x}\n", "b": "ssh: {host: x, port: 22}\n"},
            ["a.yaml", "b.yaml"],
            r"pipeline.yaml:7:5: target\[1\]: the same board twice: x, port 22, is 'a'",
        ),
        (
            {"a": "ssh: {hosts: [x, y]}\n", "b": "ssh: {host: y}\n"},
            ["a.yaml", "b.yaml"],
            r"target\[1\]: the same board twice: y, port 22, is 'a' already",
        ),
        (
            {"a": "ssh: {host: x}\n", "b": "ssh: {host: y}\nruntime: tflite\n"},
            ["a.yaml", "b.yaml"],
            r"pipeline.yaml:7:5: target\[1\]: boards of a pool are of one type: 'b' has runtime "
            r"'tflite', 'a' has 'onnxruntime'; allowed: the same",
        ),
        (
            {"a": "ssh: {host: x}\n", "b": "ssh: {host: y}\narchitecture: armv7l\n"},
            ["a.yaml", "b.yaml"],
            r"'b' has architecture 'armv7l', 'a' has 'aarch64'",
        ),
        (
            {"a": "ssh: {host: x}\n", "b": "ssh: {host: y}\ntvm: {trials_per_kernel: 7}\n"},
            ["a.yaml", "b.yaml"],
            r"'b' has tvm.trials_per_kernel 7, 'a' has ",
        ),
        (
            {"a": "name: pi\nssh: {host: x}\n", "b": "name: pi\nssh: {host: y}\n"},
            ["a.yaml", "b.yaml"],
            r"target\[1\]: is called 'pi', as another board",
        ),
        (
            {},
            ["raspbery-pi-4", "local"],
            r"pipeline.yaml:6:5: target\[0\]: unknown target 'raspbery-pi-4'.*did you mean "
            r"'raspberry-pi-4'",
        ),
        ({}, ["local", "local"], r"target\[1\]: the same board twice: this machine is 'local'"),
        ({}, [], r"pipeline.yaml:5:1?.*target: must be text that is not empty or a non-empty list"),
        ({}, ["7"], r"pipeline.yaml:6:3: target: must be .*, each item text .*; got \[7\]"),
    ],
)
def test_what_is_no_pool_is_refused_with_its_line(
    profiles: dict[str, str], targets: list[str], said: str, tmp_path: Path
) -> None:
    given = {
        name: ("kind: ssh\n" if "architecture" in text else BOARD) + text
        for name, text in profiles.items()
    }
    write(tmp_path, **given)
    path = pipeline(tmp_path, *targets)
    if not targets:
        path.write_text(path.read_text().replace("target:", "target: []"))
    with pytest.raises(ConfigError, match=said):
        load_pipeline(path)


@pytest.mark.parametrize(
    ("ssh", "said"),
    [
        ("{hosts: [x, y, x]}", r"board.yaml:3:\d+: ssh.hosts: the same board twice: 'x'"),
        ("{hosts: [x], host: y}", "needs `host`, or `hosts` .* got both"),
        ("{user: me}", "needs `host`, or `hosts` .* got neither"),
        ("{hosts: ['-x']}", r"ssh.hosts\[0\]: must be a host name"),
    ],
)
def test_hosts_that_are_wrong_are_refused_with_their_line(
    ssh: str, said: str, tmp_path: Path
) -> None:
    (tmp_path / "board.yaml").write_text(f"name: board\nkind: ssh\nssh: {ssh}\n")
    with pytest.raises(ConfigError, match=said):
        load_target(str(tmp_path / "board.yaml"))
