"""`edgeprune samplers`: what can propose widths, and when to take which."""

from rich.table import Table

from edgeprune.cli.outcomes import print_json
from edgeprune.search.samplers import samplers
from edgeprune.terminal import console


def show_samplers(*, as_json: bool) -> None:
    """Print all samplers that have a name, the default first.

    Raises:
        SearchError: a package that brings one is broken.
    """
    specs = samplers().values()
    if as_json:
        known = ("name", "about", "when", "learns", "informed", "single_weights")
        print_json({"samplers": [{key: getattr(one, key) for key in known} for one in specs]})
        return
    table = Table(show_lines=True)
    for heading in ("sampler", "what it is", "take it when"):
        table.add_column(heading, ratio=None if heading == "sampler" else 1)
    for one in specs:
        table.add_row(one.name, one.about, one.when)
    console().print(table)
    console().print(
        "search.sampler also takes optuna:ClassName (optuna:TPESampler) and module:function; "
        "weights and widths from nothing: workload.train.mode: joint"
    )
