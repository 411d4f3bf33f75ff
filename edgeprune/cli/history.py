"""`edgeprune history`: what was measured before, and how to share or forget it."""

from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer

from edgeprune.cli.outcomes import exit_for_errors, print_json

app = typer.Typer(help="Show, share and forget what was measured on devices.", no_args_is_help=True)

Url = Annotated[
    str | None,
    typer.Option("--history", help="A file or a database URL; your own history by default."),
]
Json = Annotated[bool, typer.Option("--json", help="Print one JSON object on standard output.")]
Key = Annotated[str | None, typer.Option("--target", help="A target's key, or how it begins.")]


@app.command("list")
def list_history(history: Url = None, target: Key = None, as_json: Json = False) -> None:
    """List devices and the runs that were searched on them."""
    from edgeprune.cli.history_views import known_targets, opened, show_targets

    with exit_for_errors(), opened(history) as kept:
        targets = known_targets(kept, target)
        if as_json:
            print_json({"targets": [asdict(one) for one in targets]})
        else:
            show_targets(targets)


@app.command()
def show(
    run: Annotated[str, typer.Argument(help="A run's id, or how it begins.")],
    history: Url = None,
    as_json: Json = False,
) -> None:
    """Show one run: what was pruned, within which budget, and its trials."""
    from edgeprune.cli.history_views import opened, run_details, show_run

    with exit_for_errors(), opened(history) as kept:
        details = run_details(kept, run)
        if as_json:
            print_json(asdict(details))
        else:
            show_run(details)


@app.command()
def export(
    file: Annotated[Path, typer.Argument(help="Where it is written: one JSON record a line.")],
    history: Url = None,
    target: Key = None,
    as_json: Json = False,
) -> None:
    """Write the history, or one device's, into a file for a colleague."""
    from edgeprune.cli.history_views import export_file, opened, show_counts

    with exit_for_errors(), opened(history) as kept:
        show_counts(export_file(kept, file, target), f"written to {file}", as_json=as_json)


@app.command("import")
def import_history(
    file: Annotated[Path, typer.Argument(help="As `edgeprune history export` wrote it.")],
    history: Url = None,
    as_json: Json = False,
) -> None:
    """Add an exported file to the history; doing it twice changes nothing."""
    from edgeprune.cli.history_views import import_file, opened, show_counts

    with exit_for_errors(), opened(history, new=True) as kept:
        show_counts(import_file(kept, file), f"read from {file}", as_json=as_json)


@app.command()
def merge(
    sources: Annotated[
        list[str], typer.Argument(help="Other histories: databases, their URLs, exported files.")
    ],
    history: Url = None,
    as_json: Json = False,
) -> None:
    """Add everything of other histories to this one, all or nothing; they stay as they are."""
    from edgeprune.cli.history_views import merge_from, opened, show_counts

    with exit_for_errors(), opened(history, new=True) as kept:
        show_counts(merge_from(kept, sources), "of the other histories", as_json=as_json)


@app.command()
def prune(
    runs: Annotated[list[str] | None, typer.Argument(help="Ids of runs.", metavar="[RUN]")] = None,
    older_than: Annotated[
        float | None, typer.Option(min=0, help="Forget runs older than this many days.")
    ] = None,
    target: Key = None,
    dry_run: Annotated[bool, typer.Option(help="Only show what would be forgotten.")] = False,
    history: Url = None,
    as_json: Json = False,
) -> None:
    """Forget runs with their trials; latencies of kernels stay."""
    from edgeprune.cli.history_views import forget, opened, show_forgotten

    with exit_for_errors(), opened(history) as kept:
        found = forget(kept, runs or (), older_than, target, dry_run=dry_run)
        show_forgotten(found, dry_run=dry_run, as_json=as_json)
