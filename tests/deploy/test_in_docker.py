"""What `--in-docker` says where there is no Docker, no image, or one for another machine."""

import json
import subprocess
from pathlib import Path

import pytest

pytest.importorskip("elftools", reason="the extra `boards` is not installed")

from edgeprune.config import load_target
from edgeprune.deploy import build_in_docker
from edgeprune.deploy.container import _write_profile
from edgeprune.deploy.manifest import BuildManifest, BuiltFor
from edgeprune.deploy.onnx_runtime import LIBRARY_VARIABLE
from edgeprune.errors import RunError, TargetError, VerificationError

#: A client that knows one image, and whose containers fail as they are told to.
CLIENT = """\
#!/bin/sh
case "$1" in
image) {inspect} ;;
run) printf '%s\\n' "$@" > {folder}/words; {run} ;;
esac
"""


def client(folder: Path, inspect: str, run: str = "exit 0") -> None:
    path = folder / "docker"
    path.write_text(CLIENT.format(inspect=inspect, run=run, folder=folder))
    path.chmod(0o755)


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A PATH of nothing but what a test puts there and the shell; a library for ARM at hand."""
    monkeypatch.setenv("PATH", f"{tmp_path}:/bin")
    library = tmp_path / "libonnxruntime.so"
    library.write_bytes(b"\x7fELF")
    monkeypatch.setenv(LIBRARY_VARIABLE, str(library))
    return tmp_path


def test_no_docker(bundle: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(TargetError, match=r"needs Docker.*make cross"):
        build_in_docker(bundle, "raspberry-pi-4", output=tmp_path / "dist")


def test_no_image(bundle: Path, here: Path) -> None:
    client(here, "echo 'No such image: edgeprune/builder-armhf' >&2; exit 1")
    with pytest.raises(TargetError, match=r"No such image.*buildx bake.*builder-armhf --load"):
        build_in_docker(bundle, "raspberry-pi-32bit", output=here / "dist")


def test_an_image_for_another_machine(bundle: Path, here: Path) -> None:
    client(here, "echo linux/s390x")
    with pytest.raises(TargetError, match=r"is for linux/s390x, and this machine is linux/"):
        build_in_docker(bundle, "raspberry-pi-4", output=here / "dist")


def test_the_container_gets_no_network_no_rights_and_no_way_to_change_the_run(
    bundle: Path, here: Path
) -> None:
    machine = subprocess.run(["/bin/uname", "-m"], capture_output=True, text=True).stdout.strip()
    name = {"x86_64": "amd64", "aarch64": "arm64"}[machine]
    device = BuiltFor(name="it", architecture="aarch64", cpu=None, glibc="2.36")
    built = BuildManifest(
        edgeprune="1",
        target=device,
        run={},
        runners={},
        skipped={"run-onnxruntime": "no"},
        files={},
    )
    client(here, f"echo linux/{name}", f"echo '{json.dumps(built.to_json())}'")
    found = build_in_docker(bundle, "raspberry-pi-4", output=here / "dist", runners=["compiled"])
    assert found == built
    words = (here / "words").read_text().splitlines()
    assert words[words.index("--network") + 1] == "none"
    assert words[words.index("--cap-drop") + 1] == "ALL" and "--read-only" in words
    assert f"{bundle}:/run-to-build:ro" in words
    assert words[-3:] == ["--runner", "compiled", "--json"]
    client(here, f"echo linux/{name}", "echo '{}'")
    with pytest.raises(TargetError, match="does not tell what it built"):
        build_in_docker(bundle, "raspberry-pi-4", output=here / "dist")
    client(here, f"echo linux/{name}", "echo 'needs glibc 2.40' >&2; exit 2")
    with pytest.raises(TargetError, match=r"in edgeprune/builder-arm64: needs glibc 2\.40"):
        build_in_docker(bundle, "raspberry-pi-4", output=here / "dist")
    client(here, f"echo linux/{name}", "echo 'differs' >&2; exit 1")
    with pytest.raises(VerificationError, match="differs"):
        build_in_docker(bundle, "raspberry-pi-4", output=here / "dist")


def test_an_unfinished_run_is_told_before_docker_is_asked(here: Path) -> None:
    (here / "run").mkdir()
    (here / "run/pipeline.yaml").write_text("")
    with pytest.raises(RunError, match="edgeprune resume"):
        build_in_docker(here / "run", "raspberry-pi-4", output=here / "dist")


@pytest.mark.parametrize("name", ["raspberry-pi-5", "raspberry-pi-32bit", "jetson-orin-nano"])
def test_the_profile_that_the_container_reads_is_the_same_target(name: str, tmp_path: Path) -> None:
    profile = load_target(name)
    _write_profile(profile, tmp_path / "target.yaml")
    again = load_target(str(tmp_path / "target.yaml"))
    assert again == profile.model_copy(update={"extends": None})
