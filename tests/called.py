"""The command line in this process, quicker than a shell's and held to the same; benchmarks."""

import json
import os
import subprocess
import sys
from typing import Any

from click.testing import Result
from typer.testing import CliRunner

from edgeprune.cli.app import app
from tests.conftest import ROOT


def called(*words: object, answers: str | None = None) -> Result:
    """Call a command; an error that no command would show as a sentence fails the test.

    Args:
        words: behind ``edgeprune``.
        answers: typed by the user.
    """
    result = CliRunner().invoke(app, [str(word) for word in words], input=answers)
    if not (result.exception is None or isinstance(result.exception, SystemExit)):
        raise result.exception
    return result


def benchmark(name: str, *words: str) -> tuple[dict[str, Any], str]:
    """Run a benchmark in a process of its own; gives its figures and what it told on the way."""
    done = subprocess.run(
        [sys.executable, f"benchmarks/{name}.py", *words, "--json"],
        cwd=ROOT,
        env=os.environ | {"PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)["figures"], done.stderr
