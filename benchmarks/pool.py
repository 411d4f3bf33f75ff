"""What a pool of boards costs, and what it survives.

    python benchmarks/pool.py [--quick] [--json]

``efficiency_N`` is how much of N simulated boards, a comparison on each of which takes 0.2 s, N
threads make use of; ``overhead_ms_N`` what is lost for each comparison. ``kills`` of two real
workers come at random moments while two threads compare two networks on them; every second one
also keeps the board away for a while. ``lost`` comparisons gave no number, ``wrong`` ones a ratio
far from the median.
"""

import argparse
import json
import random
import statistics
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
#: A ratio further from the median than this share is another network's, or a bad measurement.
FAR = 0.5
SMALL, LARGE = small_net(8), small_net(64)


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
        ended = threading.Event()
        counted = [0]

        def kill() -> None:
            while not ended.wait(drawn.uniform(0.1, 0.5)):
                board = drawn.choice(drawer)
                try:
                    if counted[0] % 2:
                        board.switch_off()
                        ended.wait(drawn.uniform(0.1, 1.0))
                        board.switch_on()
                    else:
                        board.kill()
                except ProcessLookupError:
                    (board.folder / "off").unlink(missing_ok=True)
                    continue
                counted[0] += 1

        with open_pool(targets, told.append) as pool, ThreadPoolExecutor(2) as threads:
            killer = threading.Thread(target=kill)
            killer.start()
            found = list(threads.map(lambda _: _ratio(pool), range(comparisons)))
            ended.set()
            killer.join()
    ratios = [one for one in found if one is not None]
    middle = statistics.median(ratios)
    return {
        "comparisons": comparisons,
        "kills": counted[0],
        "set_aside": sum("is set aside" in text for text in told),
        "lost": len(found) - len(ratios),
        "wrong": sum(abs(one / middle - 1) > FAR for one in ratios),
    }


def _ratio(pool: DevicePool) -> float | None:
    try:
        return pool.compare(SMALL, LARGE).ratio
    except EdgepruneError:
        return None


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
