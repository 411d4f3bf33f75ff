"""Ctrl-C in a run: what the caller sees, whatever fails on the way out."""

from pathlib import Path
from typing import Any

import pytest

import edgeprune as ep
from edgeprune.errors import ConfigError, InterruptedRun
from edgeprune.pipeline.progress import Listener
from edgeprune.search import SearchTrial


def _interrupt(trial: SearchTrial) -> None:
    try:
        raise KeyboardInterrupt
    finally:
        # As a lock that the interruption lets go of too early does.
        msg = "cannot release un-acquired lock"
        raise RuntimeError(msg)


def test_what_fails_while_a_run_is_left_is_no_error_of_the_run(
    tiny_pipeline: Path, tmp_path: Path
) -> None:
    told: dict[str, Any] = {"run_dir": tmp_path / "run", "progress": False}
    with pytest.raises(InterruptedRun) as caught:
        ep.run(tiny_pipeline, listener=Listener(on_trial=_interrupt), **told)
    assert caught.value.directory == tmp_path / "run"
    assert type(caught.value.__cause__) is KeyboardInterrupt


def test_an_error_after_an_interruption_was_dealt_with_is_that_error(
    tiny_pipeline: Path, tmp_path: Path
) -> None:
    told: dict[str, Any] = {"run_dir": tmp_path / "run", "progress": False}
    broken = "prune.protect=[no_such_layer]"
    try:
        raise KeyboardInterrupt
    except KeyboardInterrupt:
        with pytest.raises(ConfigError, match="no_such_layer"):
            ep.run(tiny_pipeline, overrides=[broken], **told)
