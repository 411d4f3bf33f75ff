"""Kills of every process of a run, each at a random moment: see ``benchmarks/kills.py``."""

import json
import os
import subprocess
import sys

import pytest

from tests.conftest import ROOT


@pytest.mark.slow
@pytest.mark.timeout(1800)
def test_runs_survive_kills_of_driver_worker_relay_and_device() -> None:
    done = subprocess.run(
        [sys.executable, "benchmarks/kills.py", "--kills", "18", "--seed", "1", "--json"],
        cwd=ROOT,
        env=os.environ | {"PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    figures = json.loads(done.stdout)["figures"]
    assert figures["kills_survived"] == figures["kills_tried"] >= 18, done.stderr
    assert all(figures[f"kills_of_{one}"] for one in ("driver", "worker", "relay", "device"))
