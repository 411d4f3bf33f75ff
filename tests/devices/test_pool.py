"""Pools of real workers: boards die, get hot, are noisy, come back; no measurement is lost."""

import re
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from edgeprune.config import SimulatedConfig, TargetConfig
from edgeprune.devices import DevicePool, open_device, open_pool, remote
from edgeprune.devices.pool.status import keep_status, read_status, status_of
from edgeprune.devices.runtimes import RuntimeSpec
from edgeprune.errors import MeasurementError, NoBoardError, TargetError
from edgeprune.testing.devices import small_net
from edgeprune.testing.drawer import Drawn
from edgeprune.testing.sshd import NEEDS_SSHD, ssh_server
from tests.devices.processes import is_gone_soon

SMALL, LARGE = small_net(8), small_net(64)


@pytest.fixture
def drawer(tmp_path: Path) -> list[Drawn]:
    return [Drawn.made(tmp_path / name) for name in ("pi-a", "pi-b")]


@pytest.fixture
def told() -> list[str]:
    return []


def targets(drawer: list[Drawn], **changes: object) -> list[TargetConfig]:
    return [TargetConfig.model_validate(board.profile | changes) for board in drawer]


@pytest.fixture
def pool(drawer: list[Drawn], told: list[str]) -> Iterator[DevicePool]:
    with open_pool(targets(drawer), told.append) as opened:
        yield opened


def eventually(true: Callable[[], object], patience_s: float = 15) -> None:
    end = time.monotonic() + patience_s
    while not true():
        assert time.monotonic() < end, "it did not become true"
        time.sleep(0.02)


def test_threads_get_a_board_each_and_records_say_which(
    pool: DevicePool, drawer: list[Drawn]
) -> None:
    with ThreadPoolExecutor(4) as threads:
        found = list(threads.map(lambda _: pool.compare(SMALL, LARGE), range(6)))
    assert pool.size == 2
    boards = [one.board for one in found]
    assert set(boards) == {"pi-a", "pi-b"} and all(one.ratio < 1 for one in found)
    ids = {one.board: one.candidate.conditions["device_id"] for one in found}
    assert len(set(ids.values())) == 2 and all(
        re.fullmatch("[0-9a-f]{16}", x) for x in ids.values()
    )
    assert drawer[0].pid != drawer[1].pid
    assert sum(board.measured for board in status_of(pool).boards) == 6


def test_what_decides_is_measured_on_every_board(pool: DevicePool) -> None:
    found = pool.compare_everywhere(SMALL, LARGE)
    assert {one.board for one in found.each} == {"pi-a", "pi-b"}
    assert found.ratio == max(one.ratio for one in found.each)
    assert type(found).from_json(found.to_json()) == found
    again = pool.compare_everywhere(SMALL, LARGE)
    pooled = type(found).pooled([found, again])
    for one in pooled.each:  # samples of two boards never mix
        parts = [each for part in (found, again) for each in part.each if each.board == one.board]
        assert one.candidate.samples_ms == sum((x.candidate.samples_ms for x in parts), ())


def test_a_board_that_dies_while_it_measures_costs_no_measurement(
    pool: DevicePool, drawer: list[Drawn], told: list[str]
) -> None:
    # Compared by as many threads as there are boards, and killed in the middle of it.
    with ThreadPoolExecutor(2) as threads:
        running = [threads.submit(pool.compare, SMALL, LARGE) for _ in range(10)]
        eventually(lambda: any(board.measured for board in pool.roster.boards))
        drawer[0].switch_off()
        found = [one.result() for one in running]
    assert len(found) == 10 and all(one.ratio < 1 for one in found)
    assert [one.board for one in found][-3:] == ["pi-b"] * 3
    state = {board.name: board for board in status_of(pool).boards}
    assert state["pi-a"].errors == 1 and "Connection refused" in state["pi-a"].reason
    assert told[0].startswith("pi-a is set aside, 1 of 2 boards are left: ")
    drawer[0].switch_on()
    eventually(lambda: told[-1] == "pi-a is back")
    assert {pool.compare(SMALL, LARGE).board for _ in range(2)} == {"pi-a"}  # it has done less


def test_a_hot_board_is_left_to_cool(drawer: list[Drawn], told: list[str]) -> None:
    drawer[0].heat(95)
    limit = {"environment": {"max_temperature_c": 80}}
    with open_pool(targets(drawer, **limit), told.append) as pool:
        assert [pool.compare(SMALL, LARGE).board for _ in range(3)] == ["pi-b"] * 3
        board = status_of(pool).boards[0]
        assert "is at 95 degrees" in board.reason and board.temperature_c == 95
        assert board.errors == 1
        drawer[0].heat(60)
        eventually(lambda: told[-1] == "pi-a is back")
        assert status_of(pool).boards[0].temperature_c == 60


def test_a_noisy_board_is_told_from_a_noisy_network(
    drawer: list[Drawn], told: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    spec = RuntimeSpec("noisy", ("onnx",), "tests.devices.noisy_runtime", lambda target: {})
    monkeypatch.setattr(remote, "runtime_of", lambda target: spec)
    impatient = {"patience": {"noisy": 0.05, "pause_s": 600.0}}
    noise = [board.folder / "sys/noise" for board in drawer]
    with open_pool(targets(drawer, **impatient), told.append) as pool:
        for path in noise:
            path.write_text("8")
        pool.compare(SMALL, LARGE)
        assert told == []  # both are alike: it is not the board's fault
        noise[1].unlink()
        found = pool.compare(SMALL, LARGE)
        found = pool.compare(SMALL, LARGE) if not told else found
        assert found.board == "pi-b" and "noisy: its interval is" in told[0]
        assert [board.aside == "" for board in pool.roster.boards] == [False, True]


def test_boards_of_different_speed_have_one_ratio() -> None:
    model = SimulatedConfig(boards=4, spread=0.3, noise=0.001)
    target = TargetConfig(name="pi", kind="simulated", simulated=model)
    with open_pool(target.boards) as pool:
        found = pool.compare_everywhere(SMALL, LARGE).each
    assert [one.board for one in found] != ["pi-0"] and len({one.board for one in found}) == 4
    speeds, ratios = [one.baseline.level_ms for one in found], [one.ratio for one in found]
    assert max(speeds) / min(speeds) > 1.2 and max(ratios) / min(ratios) < 1.005


def test_the_last_board_to_go_is_an_error_with_all_reasons(
    drawer: list[Drawn], told: list[str]
) -> None:
    patience = {"patience": {"pause_s": 0.05, "away_s": 0.3, "noisy": 1000.0}}
    with open_pool(targets(drawer, **patience), told.append) as pool:
        for board in drawer:
            board.switch_off()
        with pytest.raises(
            NoBoardError,
            match=r"no board is left of the pool's 2.*away_s.*pi-a: .*"
            r"refused.*pi-b: .*refused",
        ) as caught:
            pool.compare(SMALL, LARGE)
        assert caught.value.exit_code == 4
        with ThreadPoolExecutor(1) as threads:
            drawer[1].switch_on()
            eventually(lambda: pool.roster.there())
            assert threads.submit(pool.compare, SMALL, LARGE).result().board == "pi-b"


def test_a_board_that_is_away_at_first_joins_later(drawer: list[Drawn], told: list[str]) -> None:
    (drawer[0].folder / "off").touch()
    with open_pool(targets(drawer), told.append) as pool:
        assert pool.compare(SMALL, LARGE).board == "pi-b"
        drawer[0].switch_on()
        eventually(lambda: len(pool.roster.there()) == 2)
        assert pool.compare(SMALL, LARGE).board == "pi-a"
    for board in drawer:
        assert is_gone_soon(board.pid)


def test_none_at_first_is_an_error_at_once(drawer: list[Drawn]) -> None:
    for board in drawer:
        (board.folder / "off").touch()
    with pytest.raises(TargetError, match=r"none of the pool's 2 boards can be reached: pi-a: .*"):
        open_pool(targets(drawer))


def test_the_same_board_under_two_names_is_refused(tmp_path: Path) -> None:
    drawer = [Drawn.made(tmp_path / name, serial="1234") for name in ("pi-a", "pi-b")]
    with pytest.raises(
        TargetError, match=r"the same board twice: pi-. and pi-. lead to one device"
    ):
        open_pool(targets(drawer))
    assert all(is_gone_soon(board.pid) for board in drawer)


def test_boards_with_different_runtimes_are_refused(drawer: list[Drawn]) -> None:
    first, second = targets(drawer)
    other = second.model_copy(update={"threads": 2})
    with pytest.raises(TargetError, match=r"of one type: pi-. says (clock|threads) .*; allowed: t"):
        open_pool([first, other])


def test_what_the_candidate_is_to_blame_for_sets_no_board_aside(
    pool: DevicePool, told: list[str]
) -> None:
    with pytest.raises(MeasurementError, match="cannot load the model"):
        pool.compare(b"no model", LARGE)
    assert told == [] and len(pool.roster.there()) == 2


def test_closing_ends_what_waits_and_what_measures(drawer: list[Drawn]) -> None:
    pool = open_pool(targets(drawer))
    big = [small_net(64, size=96, note=note) for note in "ab"]
    errors = []

    def measure() -> None:
        try:
            while True:
                pool.compare(*big)
        except TargetError as error:
            errors.append(str(error))

    threads = [threading.Thread(target=measure) for _ in range(4)]
    for thread in threads:
        thread.start()
    eventually(lambda: pool.roster.waiting == 2)
    pool.close()
    for thread in threads:
        thread.join(10)
    assert len(errors) == 4 and all("has been closed" in error for error in errors)
    assert all(is_gone_soon(board.pid) for board in drawer)


def test_the_status_file_follows_the_pool(
    pool: DevicePool, drawer: list[Drawn], tmp_path: Path
) -> None:
    path = tmp_path / "boards.json"
    with keep_status(pool, path):
        pool.compare(SMALL, LARGE)
        drawer[1].switch_off()
        for _ in range(2):
            pool.compare(SMALL, LARGE)
        eventually(lambda: (found := read_status(path)) and found.boards[1].reason)
        found = read_status(path)
        assert found is not None and not found.closed
        assert found.boards[0].latency_ms and found.boards[0].temperature_c == 50
    closed = read_status(path)
    assert closed is not None and closed.closed
    assert [path.name for path in tmp_path.glob("*boards*")] == ["boards.json"]


@NEEDS_SSHD
def test_two_boards_over_ssh(tmp_path: Path, told: list[str]) -> None:
    drawer = [Drawn.made(tmp_path / name) for name in ("pi-a", "pi-b")]
    for board in drawer:
        script = board.folder / "python"
        words = " ".join(board.python)
        script.write_text(f'#!/bin/sh\nexec {words} "$@"\n')
        script.chmod(0o755)
    with (
        ssh_server(tmp_path / "pi-a", str(drawer[0].folder / "python")) as first,
        ssh_server(tmp_path / "pi-b", str(drawer[1].folder / "python")) as second,
    ):
        both = [
            TargetConfig.model_validate(
                {key: value for key, value in board.profile.items() if key != "command"}
                | {"kind": "ssh", "ssh": server.config}
            )
            for board, server in zip(drawer, (first, second), strict=True)
        ]
        with open_pool(both, told.append) as pool:
            with ThreadPoolExecutor(2) as threads:
                list(threads.map(lambda _: pool.compare(SMALL, LARGE), range(4)))
            assert [board.measured > 0 for board in pool.roster.boards] == [True, True]
            drawer[0].switch_off()
            assert [pool.compare(SMALL, LARGE).board for _ in range(3)] == ["pi-b"] * 3
            drawer[0].switch_on()
            eventually(lambda: told[-1] == "pi-a is back")


def test_a_pool_is_no_single_board() -> None:
    model = SimulatedConfig(boards=2)
    target = TargetConfig(name="pi", kind="simulated", simulated=model)
    with pytest.raises(
        TargetError, match=r"a pool of boards \(pi-0, pi-1\); allowed here: a single"
    ):
        open_device(target)
