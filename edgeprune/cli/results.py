"""What `run` and `resume` print when they are done."""

from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from rich.table import Table

from edgeprune.cli.outcomes import print_json
from edgeprune.devices.clocks import unit_of
from edgeprune.errors import BudgetError
from edgeprune.pipeline import RunResult
from edgeprune.pipeline.records import Finished, Manifest
from edgeprune.pipeline.row_names import row_names
from edgeprune.report.ladder import Rung
from edgeprune.report.sentences import loss_warning
from edgeprune.tasks import Metric
from edgeprune.terminal import console, say

#: Columns of a terminal that have room for metrics beside the score.
_WIDE = 110


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
        budget, best = result.bundle.budget, result.bundle.result
        if best.lost is not None and best.cost <= budget.ratio:
            msg = (
                f"the budget of {budget.text} is not met: the result loses {best.lost:.1f} points "
                f"on the reward split; it is in {result.directory}"
            )
            raise BudgetError(msg)
        over = [one for one in budget.limited if not one.held]
        if over:
            taken = ", ".join(f"{one.title} {one.shown[2]}, allowed {one.shown[1]}" for one in over)
            msg = f"the budget of {budget.text} is not met: {taken}"
            raise BudgetError(msg)
        if best.density is not None:
            zeros = 1 - best.density
            msg = f"the budget of {budget.text} is not met: {zeros:.2%} of the weights are zero"
            raise BudgetError(msg)
        msg = (
            f"the budget of {budget.text} is not met: the fastest candidate measures "
            f"{best.ratio:.3f}x; the best artifact is in {result.directory}"
        )
        raise BudgetError(msg)


def show_point(run_dir: Path, point: Rung, *, as_json: bool) -> None:
    """Print a point that was finished afterwards.

    Raises:
        BudgetError: its file misses its budget; everything has been printed and written.
    """
    if as_json:
        print_json(asdict(point))
    else:
        say(
            f"{point.regime}: {point.accuracy:.2%} on the test split at {point.ratio:.3f}x "
            f"({point.found_by})"
        )
        say(f"model:  {run_dir / point.path / 'model.onnx'}")
        say(f"report: {run_dir / 'report.html'}")
    if not point.met:
        msg = f"{point.regime} is not met: the file measures {point.ratio:.3f}x"
        raise BudgetError(msg)


def _record(result: RunResult) -> dict[str, Any]:
    bundle = result.bundle
    return {
        "directory": str(result.directory),
        "report": str(result.report),
        "budget": asdict(bundle.budget),
        "widths": bundle.widths,
        "found_by": bundle.result.found_by,
        "ladder": [asdict(line) for line in bundle.ladder],
        "contenders": {
            name: {
                "accuracy": row.verification.accuracy,
                "metrics": row.verification.metrics,
                "latency_ratio": row.ratio,
                "macs": row.macs,
                "parameters": row.parameters,
                "bytes": row.bytes,
                **{key: value for key, value in _of_weights(row).items() if value is not None},
            }
            for name, row in _rows(bundle).items()
        },
    }


def _of_weights(row: Finished) -> dict[str, float | None]:
    """What only records of single weights have: zeros are counted, deflated files measured."""
    return {
        "density": row.density,
        "compressed": row.compressed,
        "sparse_bytes": row.sparse_bytes,
    }


def _rows(bundle: Manifest) -> dict[str, Finished]:
    return {"base": bundle.base, "result": bundle.result, **bundle.baselines}


def _table(result: RunResult) -> None:
    bundle = result.bundle
    weights = bundle.granularity == "weights"
    labels = row_names(result.directory, bundle)
    table = Table(title=None, title_justify="left")
    last = ("zeros", "deflated file") if weights else ("MACs", "file")
    others = list(bundle.result.verification.metrics)[1:]
    if console().width < _WIDE:
        others = []  # the report and --json have them
    for heading in ("", f"test {bundle.judged.name}", *others, "latency", *last):
        table.add_column(heading, justify="left" if not heading else "right")
    unit = unit_of(bundle.target["clock"])
    for name, row in _rows(bundle).items():
        latency = "-" if row.candidate is None else f"{row.candidate.median_ms:.3g} {unit}"
        density, size = row.density or 0.0, row.compressed if weights else row.bytes
        table.add_row(
            labels[name],
            f"{row.verification.accuracy:.2%}",
            *(
                Metric(one, bundle.units[one]).shown(row.verification.metrics[one])
                for one in others
            ),
            f"{latency} ({row.ratio:.2f}x)",
            f"{1 - density:.1%}" if weights else f"{row.macs / 1e6:.1f} M",
            f"{(size or 0) / 1e3:.0f} kB",
            style="bold" if name == "result" else None,
        )
    console().print(table)
    for one in bundle.budget.limited:
        of_base, limit, found = one.shown
        held = "held" if one.held else "MISSED"
        say(f"{one.title}: {found} of at most {limit} ({held}); base model: {of_base}")
    if any(rung.beside for rung in bundle.ladder):
        console().print(_frontier(bundle.ladder))
    base, best = bundle.base.verification, bundle.result.verification
    if warning := loss_warning(base.accuracy, best.accuracy, best.images, bundle.judged):
        console().print(f"WARNING: {warning}", style="bold red")
    say(f"model:  {result.directory / _measured_file(bundle)}")
    say(f"report: {result.report}")


def _measured_file(bundle: Manifest) -> str:
    """The file of the kind that was measured: where that is TFLite, the ONNX file lies beside."""
    if bundle.target["runtime"] == "tflite":
        for one in bundle.artifacts:
            if one.kept and (one.format, one.precision) == ("tflite", "float32") and one.path:
                return one.path
    return "model.onnx"


def _frontier(ladder: Sequence[Rung]) -> Table:
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
    for rung in ladder:
        table.add_row(
            rung.regime if rung.met else f"{rung.regime} (missed)",
            f"{rung.accuracy:.2%} ({rung.ratio:.2f}x)",
            *(
                f"{rung.beside[role].accuracy:.2%} ({rung.beside[role].cost:.2f}x)"
                if role in rung.beside
                else "-"
                for role in columns
            ),
            rung.path,
        )
    return table
