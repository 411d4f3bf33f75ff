"""Kills of every process of a run, each at a random moment: see ``benchmarks/kills.py``."""

import pytest

from tests.called import benchmark


@pytest.mark.slow
@pytest.mark.timeout(1800)
def test_runs_survive_kills_of_driver_worker_relay_and_device() -> None:
    figures, told = benchmark("kills", "--kills", "18", "--seed", "1")
    assert figures["kills_survived"] == figures["kills_tried"] >= 18, told
    assert all(figures[f"kills_of_{one}"] for one in ("driver", "worker", "relay", "device"))
