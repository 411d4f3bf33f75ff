import os
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from hypothesis import settings

# Examples follow from each test's code alone, so that two runs check the same ones.
settings.register_profile(
    "edgeprune", derandomize=True, deadline=None, database=None, max_examples=50
)
settings.load_profile("edgeprune")


ROOT = Path(__file__).parent.parent

TINY = """\
workload:
  model: {name: "tests.models:tiny_cnn", num_classes: 10, weights: null}
  data: {name: digits, reward_split: 0.25, seed: 0}
  train: {epochs: 3, lr: 0.1}
target: simulated
budget: {latency: 0.6x}
search: {sampler: amc, trials: 12, seed: 0}
recover: {reconstruction: least_squares, recalibrate_bn: true, images: 128}
finetune: {epochs: 2, lr: 0.02, distill: true}
export: {formats: [onnx]}
history: none
"""


def pytest_runtest_setup() -> None:
    """Evaluation flushes denormal numbers in its thread; Hypothesis draws them."""
    torch.set_flush_denormal(False)


@pytest.fixture(scope="session", autouse=True)
def _one_thread() -> None:
    """Two pytest workers on two cores: more threads would only get in each other's way."""
    torch.set_num_threads(1)


@pytest.fixture(scope="session", autouse=True)
def _ctrl_c() -> None:
    """Processes that a script starts in the background ignore Ctrl-C, and so do their children."""
    if signal.getsignal(signal.SIGINT) == signal.SIG_IGN:
        signal.signal(signal.SIGINT, signal.default_int_handler)


@pytest.fixture(scope="session", autouse=True)
def _own_history(tmp_path_factory: pytest.TempPathFactory) -> None:
    """The user's own history is neither read nor written."""
    folder = tmp_path_factory.mktemp("data")
    os.environ["XDG_DATA_HOME"] = str(folder)
    os.environ["EDGEPRUNE_HISTORY"] = str(folder / "history.db")


@pytest.fixture
def tiny_pipeline(tmp_path: Path) -> Path:
    """A pipeline that runs end to end in seconds, on the simulated target."""
    path = tmp_path / "tiny.yaml"
    path.write_text(TINY)
    return path


@pytest.fixture(scope="session")
def start_cli() -> Callable[..., subprocess.Popen[str]]:
    """Start the command line in its own process, as a user's shell would."""

    def start(*arguments: object) -> subprocess.Popen[str]:
        return subprocess.Popen(
            [sys.executable, "-m", "edgeprune.cli.app", *map(str, arguments)],
            cwd=ROOT,
            env=os.environ | {"OMP_NUM_THREADS": "1"},
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

    return start
