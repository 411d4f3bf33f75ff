"""The real command line where little is as usual: home, locale, paths, cores, network."""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.conftest import ROOT, TINY

CONDITIONS = ROOT / "tests/cli/conditions"
#: A locale without Unicode, and none of Python's ways out of it.
NO_UNICODE = {"LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"}
QUICK = ("workload.train.epochs=1", "search.trials=1", "finetune.epochs=0")
LETTERS = "größe und maß"


def _call(
    *words: object, cwd: Path, before: tuple[str, ...] = (), **own: str
) -> subprocess.CompletedProcess[str]:
    """`edgeprune` with nothing in its environment but what is given."""
    paths = os.pathsep.join([str(CONDITIONS), str(ROOT)])
    return subprocess.run(
        [*before, sys.executable, "-m", "edgeprune", *map(str, words)],
        cwd=cwd,
        env={"PATH": os.environ["PATH"], "PYTHONPATH": paths, "OMP_NUM_THREADS": "1", **own},
        capture_output=True,
        encoding="utf-8",
        errors="replace",
        check=False,
    )


def _pipeline(folder: Path, name: str = "tiny.yaml", history: str = "default") -> Path:
    folder.mkdir(exist_ok=True)
    path = folder / name
    path.write_text(TINY.replace("history: none", f"history: {history}"), encoding="utf-8")
    return path


def _run_words(file: Path, directory: Path) -> list[object]:
    return [
        "run",
        file,
        "--run-dir",
        directory,
        *(word for one in QUICK for word in ("--set", one)),
    ]


def _is_whole(directory: Path, done: subprocess.CompletedProcess[str]) -> None:
    assert done.returncode == 0, done.stderr
    assert "Traceback" not in done.stderr
    manifest = json.loads((directory / "manifest.json").read_text(encoding="utf-8"))
    assert set(manifest["files"]) >= {"model.onnx", "plan.json", "weights.safetensors"}
    assert (directory / "report.html").stat().st_size > 10_000


def test_foreign_letters_in_a_plain_locale_on_one_core_without_home(tmp_path: Path) -> None:
    folder = tmp_path / LETTERS
    file = _pipeline(folder, "netz ä.yaml")
    directory = folder / "läufe 1"
    before = ("taskset", "-c", str(min(os.sched_getaffinity(0)))) if shutil.which("taskset") else ()
    # No HOME, and a user that no table knows.
    done = _call(
        *_run_words(file, directory),
        cwd=folder,
        before=before,
        EDGEPRUNE_TEST_NOBODY="1",
        **NO_UNICODE,
    )
    _is_whole(directory, done)
    # The terminal has no such letters: they are shown escaped, and not lost.
    assert "gr\\xf6\\xdfe und ma\\xdf" in done.stdout and done.stdout.isascii()
    assert sorted(one.name for one in folder.iterdir()) == ["läufe 1", "netz ä.yaml"]
    page = (directory / "report.html").read_text(encoding="utf-8")
    assert "charset" in page


def test_a_home_that_cannot_be_written_and_no_network(tmp_path: Path) -> None:
    # A folder where not even root can make another.
    home = Path("/proc")
    file = _pipeline(tmp_path / "work")
    directory = tmp_path / "work" / "run"
    log = tmp_path / "network"
    done = _call(
        *_run_words(file, directory),
        cwd=file.parent,
        HOME=str(home),
        EDGEPRUNE_TEST_NETWORK=str(log),
    )
    _is_whole(directory, done)
    assert not log.exists(), log.read_text()
    # What was measured could not be kept for other runs, and that is said.
    assert "history" in done.stderr


@pytest.mark.parametrize(
    "words", [("target", "list"), ("samplers",), ("history", "list"), ("runs",)]
)
def test_small_commands_without_home_end_with_a_sentence(
    tmp_path: Path, words: tuple[str, ...]
) -> None:
    done = _call(*words, cwd=tmp_path, EDGEPRUNE_TEST_NOBODY="1", **NO_UNICODE)
    assert done.returncode in {0, 2}, done.stderr
    assert "Traceback" not in done.stderr
    assert not list(tmp_path.iterdir()), "a folder named ~, for one"


def test_what_would_reach_the_network_is_seen(tmp_path: Path) -> None:
    """The guard itself works: else the test above would say nothing."""
    log = tmp_path / "network"
    own = {"PYTHONPATH": str(CONDITIONS), "EDGEPRUNE_TEST_NETWORK": str(log)}
    code = "import socket; socket.create_connection(('example.invalid', 80))"
    done = subprocess.run([sys.executable, "-c", code], env=os.environ | own, capture_output=True)
    assert done.returncode != 0 and "example.invalid" in log.read_text()
