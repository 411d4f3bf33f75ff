"""`edgeprune target` and `edgeprune measure`, as a user types them."""

import json
import os
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from edgeprune.devices.known_net import small_net

Cli = Callable[..., "subprocess.Popen[str]"]
Run = Callable[..., tuple[int, str, str]]


@pytest.fixture
def run(start_cli: Cli) -> Run:
    def ended(*arguments: object) -> tuple[int, str, str]:
        process = start_cli(*arguments)
        output, errors = process.communicate(timeout=120)
        assert "Traceback" not in output + errors
        return process.returncode, output, errors

    return ended


@pytest.fixture
def nets(tmp_path: Path) -> tuple[Path, Path]:
    files = tmp_path / "small.onnx", tmp_path / "large.onnx"
    for file, width in zip(files, (16, 64), strict=True):
        file.write_bytes(small_net(width))
    return files


def test_the_list_names_every_board_and_how_it_is_reached(run: Run) -> None:
    _, output, _ = run("target", "list", "--json")
    found = {one["name"]: one for one in json.loads(output)["targets"]}
    assert found["raspberry-pi-5"]["cpu"] == "cortex-a76"
    assert found["raspberry-pi-5"]["reach"] == "ssh pi@raspberrypi.local"
    assert {"local", "simulated", "jetson-orin-nano", "android-termux"} <= set(found)


def test_what_is_shown_loads_again(run: Run, tmp_path: Path) -> None:
    code, output, _ = run("target", "show", "jetson-nano")
    assert code == 0
    (tmp_path / "again.yaml").write_text(output)
    _, again, _ = run("target", "show", tmp_path / "again.yaml")
    assert again == output


def test_a_good_device_is_trusted(run: Run) -> None:
    code, output, _ = run("target", "check", "local", "--json")
    record = json.loads(output)
    assert code == 0 and record["trusted"]
    names = [link["name"] for link in record["links"]]
    wanted = ["connection", "Python", "numpy", "write access", "runtime", "clock", "governor"]
    assert names[:7] == wanted and names[-2:] == ["known network", "noise floor"]


def test_a_broken_link_is_named_with_its_mend(run: Run, tmp_path: Path) -> None:
    profile = tmp_path / "board.yaml"
    profile.write_text("{name: board, extends: raspberry-pi-4, ssh: {host: board.invalid}}")
    code, output, _ = run("target", "check", profile)
    assert code == 2
    assert "broken  connection    there is no host 'board.invalid'" in output
    assert "check ssh.host" in output


def test_a_missing_provider_is_a_broken_link(run: Run, tmp_path: Path) -> None:
    profile = tmp_path / "gpu.yaml"
    profile.write_text(
        "{name: gpu, kind: local, onnxruntime: {providers: [CUDAExecutionProvider]}}"
    )
    code, output, _ = run("target", "check", profile)
    assert code == 2
    assert "broken  runtime" in output and "has no CUDAExecutionProvider" in output
    assert "it has " in output


def test_another_processor_than_the_profile_says(run: Run, tmp_path: Path) -> None:
    other = "armv7l" if os.uname().machine != "armv7l" else "x86_64"
    profile = tmp_path / "odd.yaml"
    profile.write_text(f"{{name: odd, kind: local, architecture: {other}}}")
    code, output, _ = run("target", "check", profile, "--json")
    assert code == 2
    assert json.loads(output)["links"][-1]["mend"] == f"its profile says architecture: {other}"


def test_two_files_are_measured_side_by_side(run: Run, nets: tuple[Path, Path]) -> None:
    small, large = nets
    code, output, _ = run("measure", small, "--against", large, "--json")
    record = json.loads(output)
    assert code == 0 and 0 < record["ratio"] < 1
    assert len(record["model"]["samples_ms"]) == len(record["against"]["samples_ms"]) >= 10


def test_one_file_is_measured_against_itself(run: Run, nets: tuple[Path, Path]) -> None:
    code, output, _ = run("measure", nets[1], "--target", "simulated")
    assert code == 0 and "against itself: " in output and "virtual ms" in output


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("measure", "none.onnx"), "none.onnx cannot be read: No such file"),
        (("measure", "model.pt"), "takes .onnx files"),
        (("measure", "none.onnx", "--target", "raspbery-pi-4"), "did you mean 'raspberry-pi-4'?"),
        (("target", "show", "jetson"), "unknown target 'jetson'; allowed: android-termux"),
        (("target", "start", "local"), "only boards made on this machine"),
        (("target", "stop", "raspberry-pi-4"), "only boards made on this machine"),
    ],
)
def test_wrong_input_is_told(run: Run, arguments: tuple[str, ...], said: str) -> None:
    code, _, errors = run(*arguments)
    assert code == 2 and said in errors
