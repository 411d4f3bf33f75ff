"""Starting and stopping the boards that are made on this machine."""

from edgeprune.config import TargetConfig
from edgeprune.devices.reach import board_name, recipe_of
from edgeprune.errors import TargetError
from edgeprune.terminal import say, status


def start_board(target: TargetConfig, port: int | None) -> None:
    """Make a board, and boot it if it is a virtual one.

    Raises:
        TargetError: the target is no board of this machine, or programs are missing.
    """
    from edgeprune.boards import emulated, virtual

    machine = _machine(target)
    with status(f"{target.name}: looking for what there is") as tell:

        def note(text: str) -> None:
            tell(f"{target.name}: {text}")

        if machine == "emulated":
            say(f"{target.name} is ready: {emulated.make(recipe_of(target), note)}")
            return
        board = virtual.start(
            recipe=recipe_of(target), name=board_name(target), port=port, note=note
        )
    say(f"{target.name} runs (pid {board.pid}), SSH on {board.host}:{board.port}")
    say(f"log in:  ssh -F {board.ssh_config} {board.alias}")
    say(f"stop it: edgeprune target stop {target.name}")


def stop_board(target: TargetConfig) -> None:
    """Switch a virtual board off.

    Raises:
        TargetError: the target is no virtual board.
    """
    from edgeprune.boards import virtual

    if _machine(target) == "emulated":
        say(f"{target.name} is no machine that runs: there is nothing to stop")
    elif virtual.stop(board_name(target)):
        say(f"{target.name} is off")
    else:
        say(f"{target.name} did not run")


def _machine(target: TargetConfig) -> str:
    if target.board is None:
        msg = (
            f"target {target.name!r} is of kind {target.kind}: only boards made on this machine "
            "(kind: board) are started and stopped here"
        )
        raise TargetError(msg)
    return target.board.machine
