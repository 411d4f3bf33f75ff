"""`edgeprune runs`: what is in a folder of runs."""

from collections.abc import Sequence
from dataclasses import asdict

from rich.table import Table

from edgeprune.cli.outcomes import print_json
from edgeprune.pipeline.overview import RunLine
from edgeprune.terminal import console, say


def show_runs(lines: Sequence[RunLine], *, as_json: bool) -> None:
    """Print them as a table, or as JSON."""
    if as_json:
        print_json({"runs": [{**asdict(one), "path": str(one.path)} for one in lines]})
        return
    if not lines:
        say("no runs here; `edgeprune run pipeline.yaml` makes one")
        return
    table = Table()
    for heading in ("run", "state", "budget"):
        table.add_column(heading, overflow="fold")
    for heading in ("test accuracy", "latency"):
        table.add_column(heading, justify="right")
    for one in lines:
        state = one.state if one.stage is None else f"{one.state} after {one.stage}"
        budget = "" if one.budget is None else f"{one.budget} {'met' if one.met else 'missed'}"
        accuracy = "" if one.accuracy is None else f"{one.accuracy:.2%}"
        table.add_row(
            one.path.name, state, budget, accuracy, "" if one.ratio is None else f"{one.ratio:.3f}x"
        )
    console().print(table)
