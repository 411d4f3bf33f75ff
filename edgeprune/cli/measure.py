"""`edgeprune measure`: latency of any model file on any target."""

from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import Any

import typer
from rich.console import Console
from rich.table import Table

from edgeprune.config import load_target
from edgeprune.devices import open_device
from edgeprune.devices.clocks import unit_of
from edgeprune.devices.runtimes import taken_by
from edgeprune.errors import UserError
from edgeprune.export.formats import device_content, format_named


def measure_files(model: Path, target: str, against: Path | None) -> dict[str, Any]:
    """Time a file beside another one, or beside itself.

    Args:
        model: the file.
        target: a profile's name or path.
        against: the other file.

    Returns:
        ``ratio`` (absent without another file), ``model`` and ``against`` with their
        measurements, and the target's name.

    Raises:
        UserError: a file cannot be read or is not what the runtime takes.
        MeasurementError: no latency that can be trusted.
    """
    config = load_target(target)
    takes = taken_by(config)
    contents = [_read(path, takes, config.runtime) for path in (model, against or model)]
    with open_device(config, partial(typer.echo, err=True)) as device:
        comparison = device.compare(*contents)
    measured = {"path": str(model)} | comparison.candidate.to_json()
    record: dict[str, Any] = {"target": config.name, "model": measured}
    if against is not None:
        record["against"] = {"path": str(against)} | comparison.baseline.to_json()
        record["ratio"] = comparison.ratio
        record["ratio_interval"] = list(comparison.ratio_interval)
    else:
        record["self_ratio"] = comparison.ratio
        record["self_ratio_interval"] = list(comparison.ratio_interval)
    return record


def show_measured(record: dict[str, Any]) -> None:
    """Print it for a person."""
    table = Table()
    table.add_column("file")
    for heading in ("median", "95 % interval", "runs", "build"):
        table.add_column(heading, justify="right")
    conditions = record["model"]["conditions"]
    unit = unit_of(conditions["clock"])
    for key in ("model", "against"):
        if key in record:
            one = record[key]
            low, high = one["interval_ms"]
            table.add_row(
                one["path"],
                f"{one['median_ms']:.4g} {unit}",
                f"{low:.4g} to {high:.4g}",
                str(len(one["samples_ms"])),
                f"{one['build_ms']:.0f} ms",
            )
    console = Console(highlight=False)
    console.print(table)
    prefix = "" if "ratio" in record else "self_"
    low, high = record[f"{prefix}ratio_interval"]
    what = "ratio" if not prefix else "against itself"
    console.print(f"{what}: {record[f'{prefix}ratio']:.4f} ({low:.4f} to {high:.4f})")
    if conditions.get("untuned"):
        count = len(conditions["untuned"])
        console.print(f"{count} kernels are not tuned: these latencies say nothing about a model")
    console.print(
        f"{record['target']}: {conditions.get('runtime')} {conditions.get('version')}, "
        f"{conditions.get('threads')} thread(s), {conditions.get('cpu')}"
    )


def _read(path: Path, takes: Sequence[str], runtime: str) -> bytes:
    suffixes = [format_named(form).suffix for form in takes]
    if path.suffix not in suffixes:
        allowed = " and ".join(suffixes)
        msg = f"{path}: the target's runtime is {runtime}, which takes {allowed} files"
        raise UserError(msg)
    try:
        return device_content(path)
    except OSError as error:
        msg = f"{path} cannot be read: {error.strerror}"
        raise UserError(msg) from error
