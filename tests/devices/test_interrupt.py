"""Ctrl-C and the parent's sudden death, tried on real processes."""

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.devices.processes import is_gone_soon, is_running

ROOT = Path(__file__).parents[2]
SCRIPT = """
from edgeprune.devices import open_device
from edgeprune.testing.devices import small_net
from tests.devices.targets import local

first, second = small_net(64, size=96, note="a"), small_net(64, size=96, note="b")
try:
    print("opening", flush=True)
    with open_device(local()) as device:
        print(device.worker_pid, flush=True)
        while True:
            device.compare(first, second)
except KeyboardInterrupt:
    print("interrupted", flush=True)
"""


@pytest.fixture
def parent() -> Iterator[subprocess.Popen[str]]:
    """A process, in a process group of its own, that measures for ever."""
    process = subprocess.Popen(
        [sys.executable, "-c", SCRIPT],
        cwd=ROOT,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )
    yield process
    process.kill()
    process.communicate()


def _line(process: subprocess.Popen[str]) -> str:
    assert process.stdout is not None
    return process.stdout.readline().strip()


def test_ctrl_c_ends_the_worker_without_a_word(parent: subprocess.Popen[str]):
    assert _line(parent) == "opening"
    worker = int(_line(parent))
    os.killpg(parent.pid, signal.SIGINT)
    output, errors = parent.communicate(timeout=60)
    assert output.strip() == "interrupted"
    assert errors == ""
    assert not is_running(worker)


@pytest.mark.parametrize("delay_s", [0.0, 0.02, 0.1, 0.3])
def test_ctrl_c_while_the_worker_starts(parent: subprocess.Popen[str], delay_s: float):
    assert _line(parent) == "opening"
    signal.sigtimedwait([], delay_s)
    os.killpg(parent.pid, signal.SIGINT)
    output, errors = parent.communicate(timeout=60)
    assert output.strip().endswith("interrupted")
    assert errors == ""
    with pytest.raises(ProcessLookupError):
        os.killpg(parent.pid, 0)


def test_the_worker_dies_with_its_parent(parent: subprocess.Popen[str]):
    assert _line(parent) == "opening"
    worker = int(_line(parent))
    assert is_running(worker)
    parent.kill()
    assert is_gone_soon(worker)
