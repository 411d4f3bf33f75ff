"""What a pool of boards costs, and what it survives.

    python benchmarks/pool.py [--quick] [--json]

``efficiency_N`` is how much of N simulated boards, a comparison on each of which takes 0.2 s, N
threads make use of; ``overhead_ms_N`` what is lost for each comparison. ``kills`` of two real
workers come at random moments, after every 1 to 6 comparisons, while two threads compare two
networks on them; every second one also keeps the board away for a while. ``lost`` comparisons gave
no number.
"""

import argparse
import json
import random
import tempfile
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from edgeprune.config import SimulatedConfig, TargetConfig
from edgeprune.devices import DevicePool, open_pool
from edgeprune.devices.known_net import small_net
from edgeprune.errors import EdgepruneError
from edgeprune.testing.drawer import Drawn

TAKES_S = 0.2
SMALL, LARGE = small_net(32), small_net(64)


def efficiency(boards: int, each: int) -> dict[str, float]:
    """Figures of simulated boards that are all busy."""
    model = SimulatedConfig(boards=boards, takes_s=TAKES_S)
    target = TargetConfig(name="board", kind="simulated", simulated=model)
    with open_pool(target.boards) as pool, ThreadPoolExecutor(boards) as threads:
        pool.compare(SMALL, LARGE)
        start = time.perf_counter()
        list(threads.map(lambda _: pool.compare(SMALL, LARGE), range(boards * each)))
        took = time.perf_counter() - start
    return {
        f"efficiency_{boards}": round(each * TAKES_S / took, 4),
        f"overhead_ms_{boards}": round(1000 * (took / each - TAKES_S), 2),
    }


def kills(comparisons: int) -> dict[str, float]:
    """Figures of two real boards that keep dying."""
    drawn, told = random.Random(0), list[str]()
    with tempfile.TemporaryDirectory() as folder:
        drawer = [Drawn.made(Path(folder) / name) for name in ("a", "b")]
        targets = [TargetConfig.model_validate(board.profile) for board in drawer]
        with open_pool(targets, told.append) as pool, ThreadPoolExecutor(2) as threads:
            killer = _Killer(pool, drawer, drawn)
            killer.start()
            found = list(threads.map(lambda _: _measured(pool), range(comparisons)))
            killer.ended.set()
            killer.join()
    return {
        "comparisons": comparisons,
        "kills": killer.kills,
        "set_aside": sum("is set aside" in text for text in told),
        "lost": found.count(False),
    }


class _Killer(threading.Thread):
    """Kills a worker soon after every few comparisons: there has to be some progress."""

    def __init__(self, pool: DevicePool, drawer: list[Drawn], drawn: random.Random) -> None:
        super().__init__(name="killer")
        self._pool, self._drawer, self._drawn = pool, drawer, drawn
        self.kills, self.ended = 0, threading.Event()

    def run(self) -> None:
        due = 1
        while not self.ended.wait(self._drawn.uniform(0.0, 0.1)):
            if sum(board.measured for board in self._pool.roster.boards) < due:
                continue
            due += self._drawn.randint(1, 6)
            board = self._drawn.choice(self._drawer)
            try:
                board.kill()
            except ProcessLookupError:
                continue
            self.kills += 1
            if self.kills % 2:
                (board.folder / "off").touch()
                self.ended.wait(self._drawn.uniform(0.1, 1.0))
                board.switch_on()


def _measured(pool: DevicePool) -> bool:
    try:
        return pool.compare(SMALL, LARGE).ratio > 0
    except EdgepruneError:
        return False


def main() -> None:
    """Print the figures."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--quick", action="store_true", help="fewer boards and comparisons")
    parser.add_argument("--json", action="store_true", help="print one JSON object")
    options = parser.parse_args()
    figures: dict[str, float] = {}
    for boards in (2, 16) if options.quick else (2, 16, 64):
        figures |= efficiency(boards, 5 if options.quick else 25)
    figures |= kills(30 if options.quick else 400)
    if options.json:
        print(json.dumps({"benchmark": "pool", "figures": figures}, indent=2))
        return
    for name, value in figures.items():
        print(f"{name:<20} {value}")


if __name__ == "__main__":
    main()
