"""A pool of two whole ARM64 machines: one is switched off while it measures, and on again."""

import threading
from concurrent.futures import ThreadPoolExecutor

import pytest

from edgeprune.boards import Board, virtual
from edgeprune.config import MeasureConfig, TargetConfig
from edgeprune.config.patience import PatienceConfig
from edgeprune.devices import open_pool
from edgeprune.testing.devices import small_net

SMALL, LARGE = small_net(8), small_net(64)


def _target(name: str, board: Board) -> TargetConfig:
    return TargetConfig(
        name=name,
        kind="ssh",
        architecture="aarch64",
        ssh=board.reach,
        measure=MeasureConfig(warmup=2, runs=30, timeout_s=120),
        patience=PatienceConfig(pause_s=0.5),
    )


@pytest.mark.slow
@pytest.mark.timeout(900)
def test_two_virtual_boards_are_a_pool(virtual_board: Board, second_name: str) -> None:
    second = virtual.start(name=second_name)
    told: list[str] = []
    back = threading.Event()

    def note(text: str) -> None:
        told.append(text)
        if text.endswith("is back"):
            back.set()

    targets = (_target("virtual-a", virtual_board), _target("virtual-b", second))
    with open_pool(targets, note) as pool:
        each = pool.compare_everywhere(SMALL, LARGE).each
        assert {one.board for one in each} == {"virtual-a", "virtual-b"}
        assert each[0].candidate.conditions["clock"] == "instructions"
        assert each[0].ratio == pytest.approx(each[1].ratio, rel=0.01)
        with ThreadPoolExecutor(2) as threads:
            running = [threads.submit(pool.compare, SMALL, LARGE) for _ in range(4)]
            virtual.stop(second_name)
            assert len([one.result() for one in running]) == 4
        assert any(text.startswith("virtual-b is set aside") for text in told)
        assert [pool.compare(SMALL, LARGE).board for _ in range(2)] == ["virtual-a"] * 2
        virtual.start(name=second_name, port=second.port)
        assert back.wait(90), told
        assert pool.compare(SMALL, LARGE).board == "virtual-b"
