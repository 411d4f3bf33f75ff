"""What computes and what is measured: apart on a local target, together on a remote one."""

import threading
import time
from collections.abc import Callable
from contextlib import AbstractContextManager, ExitStack

import pytest

from edgeprune.evaluation import Turns


def _goes_on(turn: Callable[[], AbstractContextManager[object]], *, within: float = 0.1) -> bool:
    """Whether somebody else can have this turn now."""
    ended = threading.Event()

    def take() -> None:
        with turn():
            ended.set()

    threading.Thread(target=take, daemon=True).start()
    return ended.wait(within)


def test_on_a_local_target_nothing_computes_while_latency_is_measured() -> None:
    turns = Turns(local=True)
    with turns.measuring():
        assert not _goes_on(turns.computing)
        assert not _goes_on(turns.working)
        assert not _goes_on(turns.measuring)
    assert _goes_on(turns.computing, within=2)
    for busy in (turns.computing, turns.working):
        with busy():
            assert not _goes_on(turns.measuring)


def test_a_remote_target_is_not_disturbed() -> None:
    turns = Turns(local=False, devices=2)
    with turns.measuring():
        assert _goes_on(turns.computing) and _goes_on(turns.working) and _goes_on(turns.measuring)
        with turns.measuring():
            assert not _goes_on(turns.measuring)


@pytest.mark.parametrize("local", [False, True])
def test_workers_compute_together_and_this_process_one_at_a_time(local: bool) -> None:
    turns = Turns(local=local)
    with turns.working():
        assert _goes_on(turns.working) and _goes_on(turns.computing)
    with turns.computing():
        assert _goes_on(turns.working) and not _goes_on(turns.computing)


def test_a_measurement_that_waits_goes_before_what_would_compute_next() -> None:
    turns, order = Turns(local=True), list[str]()

    def take(name: str, turn: Callable[[], AbstractContextManager[object]]) -> None:
        with turn():
            order.append(name)

    threads = []
    with ExitStack() as first:
        first.enter_context(turns.computing())
        for name, turn in (("measure", turns.measuring), ("compute", turns.computing)):
            threads.append(threading.Thread(target=take, args=(name, turn)))
            threads[-1].start()
            time.sleep(0.05)
    for thread in threads:
        thread.join(5)
    assert order == ["measure", "compute"]
