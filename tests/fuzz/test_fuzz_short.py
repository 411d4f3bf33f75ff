"""Some hundred broken inputs for each surface: nothing but errors of edgeprune's own."""

import json
import os
import subprocess
import sys
from collections.abc import Mapping

import pytest

from tests.conftest import ROOT
from tests.fuzz.surfaces import SURFACES

CASES = 100


@pytest.fixture(scope="module")
def figures() -> Mapping[str, float]:
    """Of one run over all surfaces, in a process of its own: it forks."""
    done = subprocess.run(
        [sys.executable, "benchmarks/fuzz.py", "--cases", str(CASES), "--seed", "7", "--json"],
        cwd=ROOT,
        env=os.environ | {"PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)["figures"] | {"told": done.stderr}


@pytest.mark.parametrize("surface", SURFACES)
def test_broken_inputs_are_refused_with_an_error_of_ours(
    surface: str, figures: Mapping[str, float]
) -> None:
    assert figures[f"fuzz_failures_{surface}"] == 0, figures["told"]
    assert figures[f"fuzz_cases_{surface}"] >= CASES
    # Some are harmless, so that what is behind the first check is reached as well.
    assert 0 < figures[f"fuzz_accepted_{surface}"] < CASES
