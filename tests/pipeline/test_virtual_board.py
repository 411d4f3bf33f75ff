"""A whole pipeline whose latency is measured on another machine: ARM64, over SSH."""

import json
from pathlib import Path

from edgeprune.boards import Board
from edgeprune.pipeline import run
from tests.boards.fixtures import virtual_board  # noqa: F401

PROFILE = """\
name: my-board
kind: ssh
ssh: {{host: {host}, port: {port}, user: {user}, key: "{key}", known_hosts: "{known_hosts}"}}
architecture: aarch64
measure: {{warmup: 1, runs: 10, timeout_s: 120}}
"""


def test_a_pipeline_meets_its_budget_on_an_arm64_board_over_ssh(
    virtual_board: Board,  # noqa: F811
    tiny_pipeline: Path,
    tmp_path: Path,
) -> None:
    profile = tmp_path / "board.yaml"
    fields = ("host", "port", "user", "key", "known_hosts")
    profile.write_text(PROFILE.format(**{name: getattr(virtual_board, name) for name in fields}))
    changes = [f"target={profile}", "search.trials=6", "finetune.epochs=0"]
    result = run(tiny_pipeline, run_dir=tmp_path / "run", overrides=changes)

    manifest = json.loads((tmp_path / "run" / "manifest.json").read_text())
    target = manifest["target"]
    assert (target["machine"], target["clock"]) == ("aarch64", "instructions")
    assert result.met and manifest["result"]["ratio"] <= 0.6
    # A clock that counts instructions repeats itself: the interval is all but a point.
    low, high = manifest["result"]["ratio_interval"]
    assert high - low < 0.01
    assert "virtual ms" in (tmp_path / "run" / "report.html").read_text()
