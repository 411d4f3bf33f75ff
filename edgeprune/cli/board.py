"""Starting and stopping the boards that are made on this machine."""

import typer
from rich.console import Console

from edgeprune.config import TargetConfig
from edgeprune.devices.reach import board_name, recipe_of
from edgeprune.errors import TargetError


def start_board(target: TargetConfig, port: int | None) -> None:
    """Make a board, and boot it if it is a virtual one.

    Raises:
        TargetError: the target is no board of this machine, or programs are missing.
    """
    from edgeprune.boards import emulated, virtual

    machine = _machine(target)
    with Console(stderr=True).status(f"{target.name}: looking for what there is") as status:

        def note(text: str) -> None:
            status.update(f"{target.name}: {text}")

        if machine == "emulated":
            typer.echo(f"{target.name} is ready: {emulated.make(recipe_of(target), note)}")
            return
        board = virtual.start(
            recipe=recipe_of(target), name=board_name(target), port=port, note=note
        )
    typer.echo(f"{target.name} runs (pid {board.pid}), SSH on {board.host}:{board.port}")
    typer.echo(f"log in:  ssh -F {board.ssh_config} {board.alias}")
    typer.echo(f"stop it: edgeprune target stop {target.name}")


def stop_board(target: TargetConfig) -> None:
    """Switch a virtual board off.

    Raises:
        TargetError: the target is no virtual board.
    """
    from edgeprune.boards import virtual

    if _machine(target) == "emulated":
        typer.echo(f"{target.name} is no machine that runs: there is nothing to stop")
    elif virtual.stop(board_name(target)):
        typer.echo(f"{target.name} is off")
    else:
        typer.echo(f"{target.name} did not run")


def _machine(target: TargetConfig) -> str:
    if target.board is None:
        msg = (
            f"target {target.name!r} is of kind {target.kind}: only boards made on this machine "
            "(kind: board) are started and stopped here"
        )
        raise TargetError(msg)
    return target.board.machine
