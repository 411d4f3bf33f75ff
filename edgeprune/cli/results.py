"""What `run` and `resume` print when they are done."""

from typing import Any

import typer
from rich.console import Console
from rich.table import Table

from edgeprune.cli.outcomes import print_json
from edgeprune.devices.clocks import unit_of
from edgeprune.errors import BudgetError
from edgeprune.pipeline import RunResult

#: What only records of single weights have: zeros are counted, and deflated files measured.
_OF_WEIGHTS = ("density", "compressed", "sparse_bytes")


def show_result(result: RunResult, *, as_json: bool) -> None:
    """Print a finished run, as a table or as JSON; a missed budget is an error with code 3.

    Raises:
        BudgetError: the budget is not met; everything has been printed and written.
    """
    if as_json:
        print_json(_record(result))
    else:
        _table(result)
    if not result.met:
        budget = result.manifest["budget"]
        if result.manifest["granularity"] == "weights":
            zeros = 1 - result.manifest["result"]["density"]
            msg = f"the budget of {budget['text']} is not met: {zeros:.2%} of the weights are zero"
            raise BudgetError(msg)
        msg = (
            f"the budget of {budget['text']} is not met: the fastest candidate measures "
            f"{result.manifest['result']['ratio']:.3f}x; the best artifact is in {result.directory}"
        )
        raise BudgetError(msg)


def _record(result: RunResult) -> dict[str, Any]:
    manifest = result.manifest
    rows = _rows(manifest)
    return {
        "directory": str(result.directory),
        "report": str(result.report),
        "budget": manifest["budget"],
        "widths": manifest["widths"],
        "found_by": manifest["result"].get("found_by"),
        "ladder": manifest["ladder"],
        "contenders": {
            name: {
                "accuracy": row["verification"]["accuracy"],
                "latency_ratio": row.get("ratio", 1.0),
                "macs": row["macs"],
                "parameters": row["parameters"],
                "bytes": row["bytes"],
                **{key: row[key] for key in _OF_WEIGHTS if key in row},
            }
            for name, row in rows.items()
        },
    }


def _rows(manifest: dict[str, Any]) -> dict[str, dict[str, Any]]:
    return {"base": manifest["base"], "result": manifest["result"], **manifest["baselines"]}


def _table(result: RunResult) -> None:
    manifest = result.manifest
    weights = manifest["granularity"] == "weights"
    labels = {
        "base": "base model",
        "result": f"edgeprune ({manifest['result'].get('found_by', manifest['sampler'])})",
        "magnitude": "global magnitude",
        "uniform": "uniform density" if weights else "uniform-L1, same latency",
        "filled": "uniform-L1, filled",
        "random": "random search, same trials",
    }
    table = Table(title=None, title_justify="left")
    last = ("zeros", "deflated file") if weights else ("MACs", "file")
    for heading in ("", "test accuracy", "latency", *last):
        table.add_column(heading, justify="left" if not heading else "right")
    unit = unit_of(manifest["target"]["clock"])
    for name, row in _rows(manifest).items():
        ratio = row.get("ratio", 1.0)
        latency = row.get("candidate", row.get("latency", {}))
        table.add_row(
            labels[name],
            f"{row['verification']['accuracy']:.2%}",
            f"{latency['median_ms']:.3g} {unit} ({ratio:.2f}x)",
            f"{1 - row['density']:.1%}" if weights else f"{row['macs'] / 1e6:.1f} M",
            f"{row['compressed' if weights else 'bytes'] / 1e3:.0f} kB",
            style="bold" if name == "result" else None,
        )
    console = Console(highlight=False)
    console.print(table)
    if any("beside" in rung for rung in manifest["ladder"]):
        console.print(_frontier(manifest))
    typer.echo(f"model:  {result.directory / 'model.onnx'}")
    typer.echo(f"report: {result.report}")


def _frontier(manifest: dict[str, Any]) -> Table:
    """The result and the baselines of every budget, so that a person picks a point."""
    table = Table(title=None)
    columns = {
        "uniform": "uniform-L1",
        "filled": "uniform-L1, filled",
        "random": "random search",
    }
    for heading in ("budget", "result", *columns.values(), "bundle"):
        left = heading in {"budget", "bundle"}
        table.add_column(heading, justify="left" if left else "right", overflow="fold")
    for rung in manifest["ladder"]:
        table.add_row(
            rung["regime"] if rung["met"] else f"{rung['regime']} (missed)",
            f"{rung['accuracy']:.2%} ({rung['ratio']:.2f}x)",
            *(
                f"{rung['beside'][role]['accuracy']:.2%} ({rung['beside'][role]['cost']:.2f}x)"
                for role in columns
            ),
            rung["path"],
        )
    return table
