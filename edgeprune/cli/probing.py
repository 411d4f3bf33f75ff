"""`edgeprune target probe`: learning a device's staircase, and showing it on its card."""

import datetime
import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from rich.progress import BarColumn, Progress, TimeElapsedColumn

from edgeprune.cli.outcomes import print_json
from edgeprune.config import TargetConfig
from edgeprune.devices import open_device
from edgeprune.errors import ConfigError, nearest
from edgeprune.history import History, target_facts, target_key
from edgeprune.latency import Sweep, probe_staircases
from edgeprune.latency.chains import pixels
from edgeprune.latency.pace import Threads, noise_floor, thread_times
from edgeprune.latency.staircase import KINDS
from edgeprune.report.card import Card, Steps, write_card
from edgeprune.terminal import column, console, say

_BARS = " ▁▂▃▄▅▆▇█"


#: What `--precision` may be.
_PRECISIONS = ("float32", "int8")


def in_precision(target: TargetConfig, precision: str) -> TargetConfig:
    """A profile whose kernels are timed in a number format.

    Raises:
        ConfigError: it is none that a search works in.
    """
    if precision not in _PRECISIONS:
        allowed = ", ".join(_PRECISIONS)
        hint = nearest(precision, _PRECISIONS)
        msg = f"--precision: {precision!r}; allowed: {allowed}{hint}"
        raise ConfigError(msg)
    return target.model_copy(update={"precision": precision})


def probe_target(
    target: TargetConfig, kinds: Sequence[str] | None, history: str | None, card: Path
) -> dict[str, Sweep]:
    """Sweep kernels over their channels, keep what is learned, and write the device's card.

    Args:
        target: its profile.
        kinds: of layers; all if not given.
        history: a file or a database URL; the user's own if not given.
        card: where its HTML page is written.

    Raises:
        UserError: an unknown kind, or the target or the history cannot be used.
    """
    if not os.access(card.absolute().parent, os.W_OK):
        msg = f"--card {card}: the folder is not there, or may not be written"
        raise ConfigError(msg)
    for kind in kinds or ():
        if kind not in KINDS:
            allowed = ", ".join(KINDS)
            msg = f"unknown kind {kind!r}; allowed: {allowed}{nearest(kind, KINDS)}"
            raise ConfigError(msg)
    with (
        open_device(target) as device,
        History.open(history) as kept,
        Progress(
            column("{task.description}"),
            BarColumn(),
            TimeElapsedColumn(),
            console=console(error=True),
            transient=True,
        ) as progress,
    ):
        conditions = device.conditions()
        facts = target_facts(conditions)
        kept.target(target_key(facts), facts)
        task = progress.add_task(f"probing {target.name}", total=None)

        def advance(kind: str, channels: int) -> None:
            text = f"probing {target.name}: {kind} of {channels} channels"
            progress.update(task, advance=1, description=text)

        sweeps = probe_staircases(device, kept, target_key(facts), kinds or KINDS, advance)
        progress.update(task, description=f"probing {target.name}: noise and threads")
        noise = noise_floor(device)
    cores = int(conditions.get("cores") or 1)
    # A cost model has no threads.
    timed = () if target.kind == "simulated" else thread_times(target, cores, open_device)
    write_card(_card(target, conditions, sweeps, noise, timed), card)
    return sweeps


def _card(
    target: TargetConfig,
    conditions: Mapping[str, Any],
    sweeps: Mapping[str, Sweep],
    noise: float,
    timed: Sequence[Threads],
) -> Card:
    return Card(
        name=target.name,
        created=datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds"),
        conditions=conditions,
        threads=target.threads,
        steps=tuple(
            Steps(
                *(kind, sweep.channels, sweep.ms),
                *(sweep.staircase.multiple, sweep.staircase.gain, pixels(kind)),
            )
            for kind, sweep in sweeps.items()
        ),
        noise=noise,
        by_threads={one.count: one.ms for one in timed},
    )


def show_sweeps(sweeps: Mapping[str, Sweep], *, as_json: bool) -> None:
    """Print what was learned, with a picture of each sweep."""
    if as_json:
        print_json(
            {
                kind: {
                    "multiple": sweep.staircase.multiple,
                    "gain": sweep.staircase.gain,
                    "channels": list(sweep.channels),
                    "ms": list(sweep.ms),
                }
                for kind, sweep in sweeps.items()
            }
        )
        return
    for kind, sweep in sweeps.items():
        multiple, gain = sweep.staircase.multiple, sweep.staircase.gain
        found = f"multiples of {multiple}" if multiple > 1 else "no steps"
        waste = f"; widths in between take {gain:.0%} longer" if multiple > 1 else ""
        say(f"{kind}: {found}{waste}")
        low, high = sweep.channels[0], sweep.channels[-1]
        say(f"  {picture(sweep.ms)}")
        say(f"  {low} to {high} channels, {min(sweep.ms):.3g} to {max(sweep.ms):.3g}")


def picture(values: Sequence[float]) -> str:
    """One character for each value, as high as it is."""
    lowest, highest = min(values), max(values)
    span = (highest - lowest) or 1.0
    last = len(_BARS) - 1
    return "".join(_BARS[1 + round((value - lowest) / span * (last - 1))] for value in values)
