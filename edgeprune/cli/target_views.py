"""What `edgeprune target` prints."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import typer
import yaml
from rich.table import Table
from rich.text import Text

from edgeprune.cli.outcomes import print_json
from edgeprune.config import TargetConfig, load_target
from edgeprune.config.profiles import shipped_profiles
from edgeprune.config.yaml_rules import Dumper
from edgeprune.devices.check import Link
from edgeprune.terminal import console

_COLOURS = {"ok": "green", "warning": "yellow", "broken": "red"}


@dataclass(frozen=True)
class ProfileLine:
    """A shipped profile in short."""

    name: str
    kind: str
    reach: str
    architecture: str | None
    cpu: str | None
    runtime: str
    threads: int


def profile_lines() -> list[ProfileLine]:
    """The shipped profiles."""
    lines = []
    for name in shipped_profiles():
        one = load_target(name)
        reach = _reach(one)
        lines.append(
            ProfileLine(name, one.kind, reach, one.architecture, one.cpu, one.runtime, one.threads)
        )
    return lines


def profile_table(lines: Sequence[ProfileLine]) -> None:
    """Print the profiles for a person."""
    table = Table()
    for heading in ("target", "reached by", "processor", "runtime"):
        table.add_column(heading)
    for line in lines:
        processor = " ".join(filter(None, (line.architecture, line.cpu)))
        table.add_row(line.name, line.reach, processor or "-", line.runtime)
    console().print(table)


def profile_text(target: TargetConfig) -> str:
    """A resolved profile as YAML; sections of other kinds are left out."""
    values = target.model_dump(mode="json", exclude_none=True)
    return str(yaml.dump(values, Dumper=Dumper, sort_keys=False, allow_unicode=True, width=100))


def tell_links(links: Iterable[Link], good: str, *, as_json: bool) -> None:
    """Print links as they are tried, or all as JSON.

    Args:
        links: of a chain that ends at the first broken one.
        good: what the whole is where none is broken, as a key of the JSON.
        as_json: print one JSON object.

    Raises:
        typer.Exit: with status 2, a link is broken.
    """
    tried = []
    for link in links:
        tried.append(link)
        if not as_json:
            show_links([link])
    broken = any(link.state == "broken" for link in tried)
    if as_json:
        print_json({good: not broken, "links": [link.to_json() for link in tried]})
    if broken:
        raise typer.Exit(2)


def show_links(links: Sequence[Link]) -> None:
    """Print links of the chain as they are tried."""
    terminal = console()
    for link in links:
        line = Text(f"{link.state:8}", style=_COLOURS[link.state])
        line.append(f"{link.name:14}", style="bold").append(link.found, style="default")
        terminal.print(line, soft_wrap=True)
        if link.mend:
            terminal.print(Text(f"{'':22}{link.mend}", style="bold"), soft_wrap=True)


def _reach(target: TargetConfig) -> str:
    if target.ssh is not None:
        user = f"{target.ssh.user}@" if target.ssh.user else ""
        return f"ssh {user}{', '.join(target.ssh.hosts) or target.ssh.host}"
    if target.board is not None:
        return f"{target.board.machine} board"
    return {"local": "this machine", "simulated": "a cost model"}.get(target.kind, "a command")
