"""Which multiples of channels a run keeps to: the user's, the device's own, or the profile's."""

from edgeprune.config import PipelineConfig, TargetConfig
from edgeprune.devices import Device
from edgeprune.errors import RunError
from edgeprune.history import Staircase, target_facts, target_key
from edgeprune.passwords import masked
from edgeprune.pipeline.records import Multiples
from edgeprune.pipeline.run_directory import RunDirectory
from edgeprune.pipeline.run_history import RunHistory

#: Learned multiples that save less than this share of a layer's latency are left aside.
LEAST_GAIN = 0.05
#: Learned multiples give way in groups that would keep fewer widths than this to choose from:
#: ResNet-20 held to multiples of 16 cannot get below 0.65 of its latency (docs/results.md).
LEAST_CHOICES = 8


def learned_multiples(
    config: PipelineConfig,
    target: TargetConfig,
    device: Device,
    directory: RunDirectory,
    history: RunHistory | None,
) -> tuple[dict[str, int], int]:
    """Multiples by kind of layer, and how many widths every group must keep in spite of them.

    A resumed run keeps those it began with.

    Args:
        config: the pipeline; what it says wins, and holds strictly.
        target: the profile; what it says holds where nothing was learned.
        device: open; `edgeprune target probe` may have learned its multiples before.
        directory: of the run.
        history: what is known of the device; None where the run wants none.

    Raises:
        HistoryError: it is no history, or of a newer version.
    """
    if config.prune.channel_multiple is not None:
        return config.prune.channel_multiple.model_dump(), 1
    record = directory.record("multiples", Multiples)
    if record is None:
        found = target.channel_multiple.model_dump() | _learned(history, device)
        record = directory.finish("multiples", Multiples(by_kind=found))
    return record.by_kind, LEAST_CHOICES


def with_history(config: PipelineConfig, given: str | None) -> PipelineConfig:
    """A pipeline with its history's address as a user gives it again.

    Args:
        config: of a run, which keeps no password.
        given: the same address, with its password; None: leave it.

    Raises:
        RunError: it is another one.
    """
    if given is None:
        return config
    kept, wanted = masked(config.history), masked(given)
    if kept != wanted:
        msg = f"the history is {wanted}, but this run keeps its own in {kept}; allowed: that one"
        raise RunError(msg)
    return config.model_copy(update={"history": given})


def _learned(history: RunHistory | None, device: Device) -> dict[str, int]:
    if history is None:
        return {}
    key = target_key(target_facts(device.conditions()))
    none: dict[str, Staircase] = {}
    found = history.ask(lambda kept: kept.multiples(key), none)
    return {kind: one.multiple for kind, one in found.items() if one.gain >= LEAST_GAIN}
