"""Products are installed and tried on another machine, as docs/deploy.md does it."""

import json
import os
import shutil
import subprocess
from pathlib import Path

import pytest

pytest.importorskip("elftools", reason="the extra `boards` is not installed")
pytest.importorskip("tvm.relax", reason="the extra `tvm` is not installed")

from edgeprune.boards import Board
from edgeprune.deploy import build
from tests.boards.fixtures import virtual_board  # noqa: F401


@pytest.mark.slow
@pytest.mark.skipif(
    shutil.which("aarch64-linux-gnu-g++") is None and not os.environ.get("CI"),
    reason="no cross compiler: make cross",
)
def test_both_runners_compute_on_an_arm64_machine_what_they_compute_here(
    virtual_board: Board,  # noqa: F811
    bundle: Path,
    tmp_path: Path,
) -> None:
    manifest = build(bundle, "arm64-virtual", output=tmp_path)
    assert set(manifest.runners) == {"run-onnxruntime", "run-compiled"}
    archive = tmp_path / "products.tar"
    subprocess.run(["tar", "-C", tmp_path, "-cf", archive, "arm64-virtual"], check=True)
    with archive.open("rb") as file:
        copy = virtual_board.ssh("rm -rf /srv/arm64-virtual && tar -C /srv -xf -")
        subprocess.run(copy, stdin=file, check=True, timeout=120)
    there = virtual_board.ssh("uname -m && sh /srv/arm64-virtual/install.sh /srv/installed")
    done = subprocess.run(there, capture_output=True, text=True, timeout=240, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    assert done.stdout.startswith("aarch64\n")
    said = [json.loads(line) for line in done.stdout.splitlines() if line.startswith("{")]
    assert len(said) == 2 and all(one["max_abs_difference"] < 1e-4 for one in said)
