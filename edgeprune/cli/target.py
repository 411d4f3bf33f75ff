"""`edgeprune target`: the devices there are, and whether they can be trusted."""

from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer

from edgeprune.cli.outcomes import exit_for_errors, print_json
from edgeprune.terminal import say

app = typer.Typer(help="List, show, check and probe devices.", no_args_is_help=True)

Target = Annotated[str, typer.Argument(help="A profile's name, or the path of a YAML file.")]
Json = Annotated[bool, typer.Option("--json", help="Print one JSON object on standard output.")]


@app.command("list")
def list_targets(as_json: Json = False) -> None:
    """List the profiles that come with edgeprune."""
    from edgeprune.cli.target_views import profile_lines, profile_table

    with exit_for_errors():
        lines = profile_lines()
        if as_json:
            print_json({"targets": [asdict(line) for line in lines]})
        else:
            profile_table(lines)


@app.command()
def show(target: Target, as_json: Json = False) -> None:
    """Show a profile with everything it inherits and every default."""
    from edgeprune.cli.target_views import profile_text
    from edgeprune.config import load_target

    with exit_for_errors():
        config = load_target(target)
        if as_json:
            print_json(config.model_dump(mode="json"))
        else:
            say(profile_text(config).rstrip("\n"))


@app.command()
def check(target: Target, as_json: Json = False) -> None:
    """Try a device from the connection to the noise floor.

    Exit status: 0 it can be trusted, 2 a link is broken: the last line says how to mend it.
    """
    from edgeprune.cli.target_views import tell_links
    from edgeprune.config import load_target
    from edgeprune.devices.check import check_boards

    with exit_for_errors():
        tell_links(check_boards(load_target(target).boards), "trusted", as_json=as_json)


@app.command()
def probe(
    target: Target,
    kinds: Annotated[
        list[str] | None, typer.Option("--kind", help="conv, depthwise, grouped or linear.")
    ] = None,
    history: Annotated[
        str | None, typer.Option(help="Where to keep it: a file or a database URL.")
    ] = None,
    card: Annotated[
        Path | None, typer.Option(help="The HTML page that it writes; default: NAME.card.html.")
    ] = None,
    precision: Annotated[
        str | None, typer.Option(help="float32, or int8 before a search in int8.")
    ] = None,
    as_json: Json = False,
) -> None:
    """Time single kernels over their channels: which channel counts this device is fast with.

    What is learned goes into the history; later pipelines keep to it. All of it is shown on the
    device's card, with its noise, its best number of threads, and advice.
    """
    from edgeprune.cli.probing import in_precision, probe_target, show_sweeps
    from edgeprune.config import load_target

    with exit_for_errors():
        profile = load_target(target)
        if precision is not None:
            profile = in_precision(profile, precision)
        form = "" if profile.precision == "float32" else f"-{profile.precision}"
        page = card or Path(f"{profile.name}{form}.card.html")
        sweeps = probe_target(profile, kinds, history, page)
        show_sweeps(sweeps, as_json=as_json)
        say(f"card: {page}", error=True)


@app.command()
def start(
    target: Target,
    port: Annotated[int | None, typer.Option(help="Port of its SSH server on loopback.")] = None,
) -> None:
    """Make a board of this machine, and boot it if it is a virtual one."""
    from edgeprune.cli.board import start_board
    from edgeprune.config import load_target

    with exit_for_errors():
        start_board(load_target(target), port)


@app.command()
def stop(target: Target) -> None:
    """Switch a virtual board off."""
    from edgeprune.cli.board import stop_board
    from edgeprune.config import load_target

    with exit_for_errors():
        stop_board(load_target(target))
