"""What `edgeprune export` and `edgeprune verify` print."""

from collections.abc import Sequence

from rich.table import Table

from edgeprune.cli.outcomes import print_json
from edgeprune.devices.clocks import unit_of
from edgeprune.errors import BudgetError
from edgeprune.pipeline.records import ArtifactRecord, FileCheck
from edgeprune.terminal import console, say


def show_artifacts(records: Sequence[ArtifactRecord], *, as_json: bool) -> None:
    """Print written artifacts.

    Raises:
        BudgetError: one was rejected; everything has been printed and written.
    """
    if as_json:
        print_json({"artifacts": [one.model_dump(mode="json") for one in records]})
    else:
        table = Table()
        table.add_column("file", no_wrap=True)
        for heading in ("accuracy", "agreement", "latency", "size"):
            table.add_column(heading, justify="right")
        for one in records:
            found = one.verification
            table.add_row(
                one.path or f"{one.format} {one.precision}: not written",
                f"{found.accuracy:.2%}" if found else "-",
                f"{found.top1_agreement:.2%}" if found else "-",
                _latency(one),
                f"{one.bytes / 1e3:.0f} kB",
                style=None if one.kept else "dim",
            )
        console().print(table)
    rejected = [f"{one.format} {one.precision}: {one.reason}" for one in records if not one.kept]
    if rejected:
        raise BudgetError("rejected: " + "; ".join(rejected))


def _latency(record: ArtifactRecord) -> str:
    """To that of float32; for float32 itself as measured."""
    if record.ratio is not None:
        return f"{record.ratio:.3f}x"
    if record.latency is None:
        return "-"
    return f"{record.latency.level_ms:.4g} {unit_of(record.latency.conditions['clock'])}"


def show_verified(found: FileCheck, *, as_json: bool) -> None:
    """Print how a file did beside the torch model."""
    if as_json:
        print_json(found.to_json())
        return
    for name, value in found.to_json().items():
        if isinstance(value, float):
            say(f"{name.replace('_', ' '):24}{value:.6g}")
        elif isinstance(value, int | str):
            say(f"{name.replace('_', ' '):24}{value}")
    for warning in found.warnings:
        say(f"warning: {warning}")
