"""`edgeprune build` as a shell sees it."""

import json
from pathlib import Path

import pytest

pytest.importorskip("elftools", reason="the extra `boards` is not installed")

from edgeprune.config import load_target
from edgeprune.deploy.toolchains import check_toolchain, toolchain_of
from edgeprune.errors import TargetError
from tests.called import called
from tests.deploy.bundles import write_bundle


def test_products_are_shown_and_told_to_programs(tmp_path: Path) -> None:
    try:
        check_toolchain(toolchain_of(load_target("local")))
    except TargetError as error:
        pytest.skip(str(error))
    run = write_bundle(tmp_path / "run")
    words = ("build", run, "-t", "local", "--output", tmp_path, "--runner", "onnxruntime")
    result = called(*words)
    assert result.exit_code == 0, result.output
    assert "bin/run-onnxruntime" in result.stdout and "install.sh" in result.stdout
    result = called(*words, "--json")
    manifest = json.loads(result.stdout)
    assert manifest["runners"]["run-onnxruntime"]["max_abs_difference"] < 1e-4
    assert json.loads((tmp_path / "local/manifest.json").read_text()) == manifest


def test_a_mistake_is_one_sentence_and_status_2(tmp_path: Path) -> None:
    run = write_bundle(tmp_path / "run")
    result = called("build", run, "-t", "raspbery-pi-4", "--output", tmp_path)
    assert result.exit_code == 2 and "did you mean 'raspberry-pi-4'?" in result.output
    result = called("build", tmp_path / "none", "-t", "local", "--output", tmp_path)
    assert result.exit_code == 2 and "holds no bundle" in result.output
    assert "Traceback" not in result.output
