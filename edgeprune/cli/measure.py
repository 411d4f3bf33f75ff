"""`edgeprune measure`: latency of any model file on any target."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

from rich.table import Table

from edgeprune.config import load_target
from edgeprune.devices import Comparison, open_device
from edgeprune.devices.clocks import unit_of
from edgeprune.devices.runtimes import taken_by
from edgeprune.errors import UserError
from edgeprune.export.formats import device_content, format_named
from edgeprune.terminal import console, say


@dataclass(frozen=True)
class MeasuredFiles:
    """A file that was timed beside another one, or beside itself.

    Attributes:
        target: name of the profile.
        model: the file.
        against: the other file, if there is one.
        comparison: their latencies.
    """

    target: str
    model: Path
    against: Path | None
    comparison: Comparison

    def to_json(self) -> dict[str, Any]:
        """Plain values; the ratio of a file to itself has another name."""
        comparison, own = self.comparison, "" if self.against is not None else "self_"
        other = {"against": {"path": str(self.against)} | comparison.baseline.to_json()}
        return {
            "target": self.target,
            "model": {"path": str(self.model)} | comparison.candidate.to_json(),
            **(other if self.against is not None else {}),
            f"{own}ratio": comparison.ratio,
            f"{own}ratio_interval": list(comparison.ratio_interval),
        }


def measure_files(model: Path, target: str, against: Path | None) -> MeasuredFiles:
    """Time a file beside another one, or beside itself.

    Args:
        model: the file.
        target: a profile's name or path.
        against: the other file.

    Raises:
        UserError: a file cannot be read or is not what the runtime takes.
        MeasurementError: no latency that can be trusted.
    """
    config = load_target(target)
    takes = taken_by(config)
    contents = [_read(path, takes, config.runtime) for path in (model, against or model)]
    with open_device(config, partial(say, error=True)) as device:
        return MeasuredFiles(config.name, model, against, device.compare(*contents))


def show_measured(found: MeasuredFiles) -> None:
    """Print it for a person."""
    table = Table()
    table.add_column("file")
    for heading in ("median", "95 % interval", "runs", "build"):
        table.add_column(heading, justify="right")
    comparison, conditions = found.comparison, found.comparison.candidate.conditions
    unit = unit_of(conditions["clock"])
    timed = [(found.model, comparison.candidate), (found.against, comparison.baseline)]
    for path, one in timed[: 1 if found.against is None else 2]:
        low, high = one.interval_ms
        table.add_row(
            str(path),
            f"{one.median_ms:.4g} {unit}",
            f"{low:.4g} to {high:.4g}",
            str(len(one.samples_ms)),
            f"{one.build_ms:.0f} ms",
        )
    console().print(table)
    low, high = comparison.ratio_interval
    what = "against itself" if found.against is None else "ratio"
    say(f"{what}: {comparison.ratio:.4f} ({low:.4f} to {high:.4f})")
    if conditions.get("untuned"):
        count = len(conditions["untuned"])
        say(f"{count} kernels are not tuned: these latencies say nothing about a model")
    say(
        f"{found.target}: {conditions.get('runtime')} {conditions.get('version')}, "
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
