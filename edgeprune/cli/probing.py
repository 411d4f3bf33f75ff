"""`edgeprune target probe`: learning a device's staircase, and showing it."""

from collections.abc import Mapping, Sequence

from rich.progress import BarColumn, Progress, TimeElapsedColumn

from edgeprune.cli.outcomes import print_json
from edgeprune.config import TargetConfig
from edgeprune.devices import open_device
from edgeprune.errors import ConfigError, nearest
from edgeprune.history import History, target_facts, target_key
from edgeprune.latency import Sweep, probe_staircases
from edgeprune.latency.staircase import KINDS
from edgeprune.terminal import column, console, say

_BARS = " ▁▂▃▄▅▆▇█"


def probe_target(
    target: TargetConfig, kinds: Sequence[str] | None, history: str | None
) -> dict[str, Sweep]:
    """Sweep kernels over their channels and keep what is learned.

    Args:
        target: its profile.
        kinds: of layers; all if not given.
        history: a file or a database URL; the user's own if not given.

    Raises:
        UserError: an unknown kind, or the target or the history cannot be used.
    """
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
        facts = target_facts(device.conditions())
        kept.target(target_key(facts), facts)
        task = progress.add_task(f"probing {target.name}", total=None)

        def advance(kind: str, channels: int) -> None:
            text = f"probing {target.name}: {kind} of {channels} channels"
            progress.update(task, advance=1, description=text)

        return probe_staircases(device, kept, target_key(facts), kinds or KINDS, advance)


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
