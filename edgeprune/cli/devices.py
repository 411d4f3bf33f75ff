"""`edgeprune devices`: how the boards of a run stand, or whether targets answer."""

import math
import sys
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import typer
from rich.console import Group
from rich.live import Live
from rich.table import Table
from rich.text import Text

from edgeprune.cli.outcomes import print_json
from edgeprune.config import TargetConfig, load_target
from edgeprune.devices import open_device
from edgeprune.devices.known_net import small_net
from edgeprune.devices.pool.status import BoardStatus, PoolStatus, State, read_status
from edgeprune.devices.runtimes import taken_by
from edgeprune.errors import MeasurementError, RunError, TargetError
from edgeprune.terminal import console, say

_HEADINGS = ("board", "state", "for", "temperature", "latency", "ratio", "measured", "errors")
#: Seconds between two looks, and without a sign of life after which a run is taken for dead.
_LOOK_S, _DEAD_S = 1.0, 20.0
_COLOURS: dict[State, str] = {
    "free": "green",
    "measuring": "cyan",
    "set aside": "red",
    "being tried": "yellow",
}


def show_run(run_dir: Path, *, once: bool, as_json: bool) -> None:
    """Print how the boards of a run stand; on a terminal again and again until it ends.

    Args:
        run_dir: of the run.
        once: print once in any case.
        as_json: print one JSON object.

    Raises:
        RunError: it is no run directory, or its run has no pool.
    """
    from edgeprune.pipeline.run_directory import RunDirectory  # loads torch, which targets need not

    directory = RunDirectory(run_dir)
    directory.check()
    status = _status(directory.boards)
    if as_json:
        print_json({**status.model_dump(), "alive": _alive(status)})
    elif once or not sys.stdout.isatty() or not _alive(status):
        _print(status)
    else:
        with Live(_picture(status), console=console(), auto_refresh=False) as live:
            while _alive(status):
                time.sleep(_LOOK_S)
                status = _status(directory.boards)
                live.update(_picture(status), refresh=True)
    _refuse_none(status)


def try_targets(names: Sequence[str], *, as_json: bool) -> None:
    """Reach targets, all boards at once, and time a small network beside itself on each.

    Args:
        names: profiles' names or files.
        as_json: print one JSON object.

    Raises:
        ConfigError: there is no such profile.
        Exit: with status 2, none answers.
    """
    boards = [board for name in names for board in load_target(name).boards]
    with ThreadPoolExecutor(len(boards)) as threads:
        found = PoolStatus(at=time.time(), waiting=0, boards=tuple(threads.map(_tried, boards)))
    if as_json:
        print_json({"boards": [one.model_dump() for one in found.boards]})
    else:
        _print(found)
    _refuse_none(found)


def _status(file: Path) -> PoolStatus:
    found = read_status(file)
    if found is None:
        msg = (
            f"{file.parent} tells nothing of boards: its run measures on a single one, or has "
            "not begun; `edgeprune devices TARGET` tries targets"
        )
        raise RunError(msg)
    return found


def _alive(status: PoolStatus) -> bool:
    return not status.closed and time.time() - status.at < _DEAD_S


def _refuse_none(status: PoolStatus) -> None:
    if all(board.state == "set aside" for board in status.boards):
        raise typer.Exit(2)


def _tried(target: TargetConfig) -> BoardStatus:
    try:
        with open_device(target) as device:
            state = device.conditions()
            known = {"device_id": state.get("device_id"), "measured": 0, "errors": 0}
            known |= {"temperature_c": state.get("temperature_c")}
            if "onnx" not in taken_by(target):
                return BoardStatus(name=target.name, **known)
            net = small_net(64)
            found = device.compare(net, net)
    except (TargetError, MeasurementError) as error:
        reason = str(error)
        state_now: State = "set aside"
        return BoardStatus(
            name=target.name, state=state_now, reason=reason, errors=1, last_error=reason
        )
    known |= {"measured": 1, "latency_ms": found.candidate.level_ms, "ratio": found.ratio}
    return BoardStatus(name=target.name, **known)


def _print(status: PoolStatus) -> None:
    """Lines of plain text, for a file or another program; a table on a terminal."""
    if sys.stdout.isatty():
        console().print(_picture(status))
        return
    rows = [_HEADINGS, *map(_cells, status.boards)]
    widths = [max(map(len, cells)) for cells in zip(*rows, strict=True)]
    for row in rows:
        line = "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True))
        say(line.rstrip())
    for line in _notes(status):
        say(line)


def _picture(status: PoolStatus) -> Group:
    table = Table()
    for heading in _HEADINGS:
        table.add_column(heading, justify="left" if heading in {"board", "state"} else "right")
    for board in status.boards:
        name, state, *others = _cells(board)
        table.add_row(name, Text(state, style=_COLOURS[board.state]), *others)
    return Group(table, *map(Text, _notes(status)))


def _cells(board: BoardStatus) -> tuple[str, ...]:
    return (
        board.name,
        board.state,
        f"{board.since_s:.0f} s" if board.since_s else "-",
        _shown(board.temperature_c, "{:.0f} °C"),
        _shown(board.latency_ms, "{:.3g} ms"),
        _shown(board.ratio, "{:.3f}x"),
        str(board.measured),
        str(board.errors),
    )


def _notes(status: PoolStatus) -> list[str]:
    lines = []
    for board in status.boards:
        if board.reason:
            lines.append(f"{board.name}: {board.reason}")
        elif board.last_error:
            lines.append(f"{board.name}, before: {board.last_error}")
    if status.waiting:
        lines.append(f"queue: {status.waiting} waiting for a board")
    if status.closed:
        lines.append("the run has let go of its boards")
    elif (age := time.time() - status.at) > _DEAD_S:
        lines.append(f"no sign of the run for {age:.0f} s: was it killed?")
    return lines


def _shown(value: float | None, form: str) -> str:
    return "-" if value is None or not math.isfinite(value) else form.format(value)
