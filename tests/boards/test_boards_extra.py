"""What boards and Docker need stays outside of everything else, and is asked for by name."""

import os
import subprocess
import sys
from pathlib import Path

import onnx
import pytest
from typer.testing import CliRunner

from edgeprune.cli.app import app
from edgeprune.devices.known_net import small_net
from tests.deploy.bundles import write_bundle

ROOT = Path(__file__).parents[2]
#: Runs the command line with what is left of the arguments; prints what of boards it imported.
CODE = """\
import sys
import edgeprune, edgeprune.cli
status = None
if sys.argv[1:]:
    try:
        edgeprune.cli.main()
    except SystemExit as error:
        status = error.code
rooms = ("edgeprune.boards", "edgeprune.deploy", "edgeprune.cli.board", "edgeprune.cli.building")
libraries = ("elftools", "docker", "dockerfile_parse", "hcl2", "engine")
loaded = [
    name
    for name in sys.modules
    if name.startswith(rooms) or name.partition(".")[0] in libraries
]
print("status", status or 0, "loaded", sorted(loaded))
"""


def told(*arguments: object) -> str:
    done = subprocess.run(
        [sys.executable, "-c", CODE, *map(str, arguments)],
        cwd=ROOT,
        env=os.environ | {"OMP_NUM_THREADS": "1"},
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout.splitlines()[-1]


@pytest.fixture
def without_extra(monkeypatch: pytest.MonkeyPatch) -> None:
    """As if the extra had not been installed."""
    for name in [name for name in sys.modules if name.startswith("elftools.")]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, "elftools", None)


@pytest.mark.parametrize("arguments", [(), ("--help",), ("target", "list")], ids=" ".join)
def test_importing_edgeprune_and_its_help_load_nothing_of_boards(
    arguments: tuple[str, ...],
) -> None:
    assert told(*arguments) == "status 0 loaded []"


def test_measuring_on_this_machine_loads_nothing_of_boards(tmp_path: Path) -> None:
    (tmp_path / "model.onnx").write_bytes(small_net(8))
    assert told("measure", tmp_path / "model.onnx", "-t", "local") == "status 0 loaded []"


def test_a_run_on_this_machine_loads_nothing_of_boards(tiny_pipeline: Path, tmp_path: Path) -> None:
    less = ("target=local", "budget.latency=0.99x", "search.trials=1", "finetune.epochs=1")
    words = [word for one in (*less, "workload.train.epochs=1") for word in ("--set", one)]
    found = told("run", tiny_pipeline, "--run-dir", tmp_path / "run", *words)
    # 3: a budget that this machine's noise has denied is no concern of this test.
    assert found in ("status 0 loaded []", "status 3 loaded []")
    assert onnx.load(str(tmp_path / "run/model.onnx")).graph.node


def test_a_build_without_the_extra_names_it(without_extra: None, tmp_path: Path) -> None:
    run = write_bundle(tmp_path / "run")
    words = ["build", str(run), "-t", "raspberry-pi-4", "--output", str(tmp_path / "dist")]
    result = CliRunner().invoke(app, words)
    assert result.exit_code == 2 and isinstance(result.exception, SystemExit)
    assert "install it: pip install 'edgeprune[boards]'" in result.output
    assert "Traceback" not in result.output
    assert not (tmp_path / "dist").exists()


def test_a_virtual_board_needs_programs_and_no_extra(
    without_extra: None, empty_store: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    result = CliRunner().invoke(app, ["target", "stop", "arm64-virtual"])
    assert result.exit_code == 0 and "did not run" in result.output
    monkeypatch.setenv("PATH", str(tmp_path))
    result = CliRunner().invoke(app, ["target", "start", "arm64-virtual"])
    assert result.exit_code == 2 and "apt-get install" in result.output
