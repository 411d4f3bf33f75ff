"""The Dockerfiles, read as Docker reads them; `make docker-check` builds them."""

import json
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

pytest.importorskip("dockerfile_parse", reason="the extra `dev` is needed")

import dockerfile_parse

from edgeprune.boards import RECIPE_TVM

DOCKER = Path(__file__).parents[2] / "docker"
DOCKERFILES = sorted(DOCKER.glob("*.Dockerfile"))
SCRIPTS = sorted((DOCKER / "scripts").glob("*.sh"))


def structure(path: Path) -> list[dict[str, str]]:
    parser = dockerfile_parse.DockerfileParser(fileobj=path.open("rb"))
    found: list[dict[str, str]] = parser.structure
    return found


def values(path: Path, instruction: str) -> list[str]:
    return [one["value"] for one in structure(path) if one["instruction"] == instruction]


@pytest.fixture(scope="module")
def bake() -> dict[str, object]:
    sys.path.insert(0, str(DOCKER))
    try:
        from engine.bake import read_bake
    finally:
        sys.path.remove(str(DOCKER))
    return read_bake(DOCKER / "docker-bake.json")  # type: ignore[no-any-return]


def test_the_bake_file_names_every_dockerfile(bake: dict[str, object]) -> None:
    assert set(bake) == {
        *("builder-arm64", "builder-armhf", "device-arm64", "device-jetson", "edgeprune")
    }
    used = {DOCKER.parent / one.dockerfile for one in bake.values()}  # type: ignore[attr-defined]
    assert used == set(DOCKERFILES)
    for name, one in bake.items():
        wanted = "linux/arm64" if name.startswith("device") else "linux/amd64"
        assert (one.platform, one.tag) == (wanted, f"edgeprune/{name}")  # type: ignore[attr-defined]


def test_every_argument_of_the_bake_file_is_one_of_the_dockerfile(
    bake: dict[str, object],
) -> None:
    for one in bake.values():
        declared = {
            text.split("=")[0]
            for text in values(DOCKER.parent / one.dockerfile, "ARG")  # type: ignore[attr-defined]
        }
        assert set(one.args) <= declared  # type: ignore[attr-defined]
        assert "${" not in str(one.args)  # type: ignore[attr-defined]


def test_bake_reads_the_file_as_we_do(bake: dict[str, object]) -> None:
    buildx = [shutil.which("docker") or "false", "buildx"]
    # Of an unknown command docker tells the help, with status 0.
    if subprocess.run([*buildx, "version"], capture_output=True).returncode:
        pytest.skip("docker buildx is not installed")
    command = [*buildx, "bake", "--file", "docker/docker-bake.json", "--print", *bake]
    done = subprocess.run(command, cwd=DOCKER.parent, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    printed = json.loads(done.stdout)["target"]
    for name, one in json.loads((DOCKER / "docker-bake.json").read_text())["target"].items():
        assert one.items() <= printed[name].items()


@pytest.mark.parametrize("path", DOCKERFILES, ids=lambda path: path.name)
def test_each_stage_names_its_platform_and_nobody_is_root(path: Path) -> None:
    stages = values(path, "FROM")
    assert stages and all(stage.startswith("--platform=") for stage in stages)
    assert values(path, "USER")[-1] == "10001"
    assert values(path, "HEALTHCHECK") == ["NONE"]  # none of them is a service
    assert not values(path, "ADD")
    for name in (*values(path, "ARG"), *values(path, "ENV")):
        assert not re.search(r"token|secret|password|key", name, re.IGNORECASE)


@pytest.mark.parametrize("path", DOCKERFILES, ids=lambda path: path.name)
def test_what_is_copied_is_there_and_what_runs_is_a_script(path: Path) -> None:
    for value in values(path, "COPY"):
        if not value.startswith("--from"):
            for source in value.split()[:-1]:
                assert (DOCKER.parent / source).exists(), source
    for value in values(path, "RUN"):
        commands = re.sub(r"--mount=\S+", "", value).split("&&")
        for command in commands:
            program, script = command.split()[:2]
            assert program == "sh" and (DOCKER / "scripts" / Path(script).name).is_file()


@pytest.mark.parametrize("path", SCRIPTS, ids=lambda path: path.name)
def test_scripts_are_whole(path: Path) -> None:
    done = subprocess.run(["sh", "-n", path], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert "set -eu" in path.read_text()


def test_the_device_has_the_versions_of_the_boards() -> None:
    lines = (DOCKER / "device-requirements.txt").read_text().splitlines()
    wanted = {line for line in lines if line and not line.startswith("#")}
    assert wanted <= set(RECIPE_TVM.wheels)
    assert {one.split("==")[0] for one in wanted} >= {"numpy", "onnxruntime", "apache-tvm"}


def test_trimming_leaves_what_a_device_loads(tmp_path: Path) -> None:
    kept = ("tvm/lib/libtvm_runtime.so", "tvm/__init__.py", "onnxruntime/capi/state.so")
    gone = (
        *("tvm/lib/libtvm_compiler.so", "tvm/src/vm.cc", "numpy/tests/test_x.py"),
        *("numpy/core.pyi", "onnxruntime/capi/libonnxruntime.so.1.2.3", "numpy/a/__pycache__/x"),
    )
    for name in (*kept, *gone):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text("x")
    subprocess.run(["sh", DOCKER / "scripts/trim-site.sh", tmp_path], check=True)
    assert all((tmp_path / name).is_file() for name in kept)
    assert not any((tmp_path / name).exists() for name in gone)


def test_a_jetson_image_without_nvidias_wheel_says_where_it_belongs(tmp_path: Path) -> None:
    def run() -> subprocess.CompletedProcess[str]:
        script = ["sh", DOCKER / "scripts/jetson.sh"]
        environment = {"PATH": f"{tmp_path}:/usr/bin:/bin", "WHEELS": str(tmp_path)}
        return subprocess.run(script, env=environment, capture_output=True, text=True)

    done = run()
    assert done.returncode == 2 and "into docker/wheels" in done.stderr
    wheel = tmp_path / "onnxruntime_gpu-1.20.0-cp310-cp310-linux_aarch64.whl"
    wheel.write_text("")
    # What pip would be asked for, where there is no Jetson.
    (tmp_path / "python3").write_text('#!/bin/sh\necho "$@"\n')
    (tmp_path / "python3").chmod(0o755)
    done = run()
    assert done.returncode == 0 and done.stdout.strip().endswith(str(wheel))


def test_packages_are_installed_without_what_they_recommend(tmp_path: Path) -> None:
    (tmp_path / "apt-get").write_text('#!/bin/sh\necho "apt-get $@"\n')
    (tmp_path / "rm").write_text("#!/bin/sh\n")  # of system folders
    for name in ("apt-get", "rm"):
        (tmp_path / name).chmod(0o755)
    script = ["sh", DOCKER / "scripts/packages.sh"]
    environment = {"PATH": f"{tmp_path}:/usr/bin:/bin"}
    done = subprocess.run([*script, "g++"], env=environment, capture_output=True, text=True)
    assert done.returncode == 0
    assert "install -qq -y --no-install-recommends g++" in done.stdout
    assert subprocess.run(script, env=environment, capture_output=True).returncode == 2
