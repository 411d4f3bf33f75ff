"""Real builds for this machine and, where `make cross` was run, for ARM under emulation."""

import hashlib
import json
import os
import shutil
import subprocess
from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("elftools", reason="the extra `boards` is not installed")
pytest.importorskip("tvm.relax", reason="the extra `tvm` is not installed")

from edgeprune.config import load_target
from edgeprune.deploy import build, elf_facts
from edgeprune.deploy.emulation import run_here
from edgeprune.deploy.manifest import BuildManifest
from edgeprune.deploy.toolchains import check_toolchain, toolchain_of
from edgeprune.errors import TargetError
from edgeprune.export.verification import onnx_runner

TARGETS = {"local": "x86_64", "raspberry-pi-4": "aarch64", "raspberry-pi-32bit": "armv7l"}


@pytest.fixture(scope="module", params=TARGETS)
def built(
    request: pytest.FixtureRequest, bundle: Path, tmp_path_factory: pytest.TempPathFactory
) -> tuple[Path, BuildManifest]:
    """The products for a target, and their manifest."""
    toolchain = toolchain_of(load_target(request.param))
    try:
        check_toolchain(toolchain)
        if not toolchain.native and shutil.which(toolchain.emulator) is None:
            raise TargetError(toolchain.emulator)
    except TargetError as error:
        if os.environ.get("CI"):
            raise
        pytest.skip(f"not here: {error}")
    folder = tmp_path_factory.mktemp("dist")
    runners = ["compiled"] if request.param == "raspberry-pi-4" else []
    manifest = build(bundle, request.param, output=folder, runners=runners)
    return folder / request.param, manifest


def test_outputs_are_this_machines(built: tuple[Path, BuildManifest], tmp_path: Path) -> None:
    """Images that the build's own trial has not seen."""
    folder, manifest = built
    images = np.random.default_rng(7).standard_normal((3, 3, 16, 16)).astype(np.float32)
    expected = np.concatenate([onnx_runner(folder / "model.onnx")(one[None])[0] for one in images])
    images.tofile(tmp_path / "images.bin")
    target = load_target(manifest.target.name)
    for name in manifest.runners:
        found = tmp_path / f"{name}.bin"
        words = ["--runs", "2", tmp_path / "images.bin", found]
        program = folder / "bin" / name
        done = run_here(program, words, toolchain_of(target), target.cpu, timeout_s=120)
        assert done.returncode == 0, done.stderr
        said = json.loads(done.stdout)
        assert said["images"] == 3 and said["runs"] == 6 and said["p90_ms"] >= said["median_ms"] > 0
        outputs = np.fromfile(found, np.float32).reshape(expected.shape)
        assert np.ptp(expected) > 0.01
        assert np.abs(outputs - expected).max() < 1e-4


def test_every_product_is_for_the_target(built: tuple[Path, BuildManifest]) -> None:
    folder, manifest = built
    architecture = TARGETS[manifest.target.name]
    products = {name: one.elf for name, one in manifest.files.items() if one.elf is not None}
    assert {one.machine for one in products.values()} == {architecture}
    assert "bin/run-compiled" in products and products["bin/run-compiled"].static
    assert any(name.startswith("lib/model-") for name in products)
    for name, one in manifest.files.items():
        content = (folder / name).read_bytes()
        assert len(content) == one.bytes
        assert hashlib.sha256(content).hexdigest() == one.sha256
    assert elf_facts(folder / "bin/run-compiled").machine == architecture
    files = manifest.files
    cpu = load_target(manifest.target.name).cpu
    if cpu is not None:
        assert files["bin/run-compiled"].compiled_for == {"mcpu": cpu, "mattr": ["+neon"]}
    for tried in manifest.runners.values():
        assert tried.max_abs_difference is not None and tried.tolerance is not None
        assert tried.max_abs_difference <= tried.tolerance
    if architecture == "armv7l":
        features = products["lib/model-armv7l-linux-gnueabihf.so"].features
        assert {"armv7", "hard-float"} <= set(features) and "neon" in " ".join(features)
        assert "no ONNX Runtime wheel" in manifest.skipped["run-onnxruntime"]


def test_the_sources_build_again_by_hand(built: tuple[Path, BuildManifest]) -> None:
    source = built[0] / "src"
    toolchain = toolchain_of(load_target(built[1].target.name))
    file = source / "toolchains" / f"{toolchain.triple}.cmake"
    assert file.is_file() and (source / "generated/kernels.o").is_file()
    assert toolchain.triple in file.read_text()


def test_a_runner_says_what_is_wrong(built: tuple[Path, BuildManifest], tmp_path: Path) -> None:
    folder, manifest = built
    target = load_target(manifest.target.name)
    example, output = folder / "example/input.bin", tmp_path / "output.bin"
    half, other = tmp_path / "half.bin", tmp_path / "other.bin"
    half.write_bytes(example.read_bytes()[:100])
    (np.fromfile(folder / "example/expected.bin", np.float32) + np.float32(0.01)).tofile(other)

    def told(*words: str | Path) -> tuple[int, str]:
        program = folder / "bin/run-compiled"
        done = run_here(program, words, toolchain_of(target), target.cpu, timeout_s=60)
        return done.returncode, done.stderr + done.stdout

    assert told("--expect", folder / "example/expected.bin", example, output)[0] == 0
    code, said = told("--expect", other, example, output)
    assert code == 3 and json.loads(said)["max_abs_difference"] == pytest.approx(0.01, rel=0.01)
    code, said = told(half, output)
    assert code == 2 and "has 100 bytes; this network has 3072 for each image" in said
    code, said = told("--runs", "many", example, output)
    assert code == 2 and "--runs takes a whole number from 1 to 1000000; got many" in said
    code, said = told("--rnus", "3", example, output)
    assert code == 2 and "unknown option --rnus; allowed: --runs" in said
    code, said = told(tmp_path / "none.bin", output)
    assert code == 2 and "none.bin cannot be read" in said


def test_the_installer_tries_what_it_installs(
    built: tuple[Path, BuildManifest], tmp_path: Path
) -> None:
    folder, manifest = built
    copy = tmp_path / "copy"
    shutil.copytree(folder, copy)

    def install() -> subprocess.CompletedProcess[str]:
        command = ["sh", copy / "install.sh", tmp_path / "there"]
        return subprocess.run(command, capture_output=True, text=True, check=False)

    done = install()
    if manifest.target.name != "local":
        assert done.returncode == 2 and f"built for {manifest.target.architecture}" in (done.stderr)
        return
    assert done.returncode == 0, done.stderr
    assert (tmp_path / "there/bin/run-compiled").is_file()
    assert not (tmp_path / "there/src").exists()
    assert done.stdout.count("max_abs_difference") == len(manifest.runners) == 2
    (copy / "model.onnx").write_bytes(b"half")
    done = install()
    assert done.returncode == 2 and "damaged on the way" in done.stderr
