"""Which multiples of channels a run keeps to: the user's, the device's own, or the profile's."""

from edgeprune.config import PipelineConfig, TargetConfig
from edgeprune.devices import Device
from edgeprune.errors import RunError
from edgeprune.history import History, target_facts, target_key
from edgeprune.passwords import masked
from edgeprune.pipeline.records import Multiples
from edgeprune.pipeline.run_directory import RunDirectory

#: Learned multiples that save less than this share of a layer's latency are left aside.
LEAST_GAIN = 0.05
#: Learned multiples give way in groups that would keep fewer widths than this to choose from:
#: ResNet-20 held to multiples of 16 cannot get below 0.65 of its latency (docs/results.md).
LEAST_CHOICES = 8


def learned_multiples(
    config: PipelineConfig, target: TargetConfig, device: Device, directory: RunDirectory
) -> tuple[dict[str, int], int]:
    """Multiples by kind of layer, and how many widths every group must keep in spite of them.

    A resumed run keeps those it began with.

    Args:
        config: the pipeline; what it says wins, and holds strictly.
        target: the profile; what it says holds where nothing was learned.
        device: open; `edgeprune target probe` may have learned its multiples before.
        directory: of the run.

    Raises:
        HistoryError: the history cannot be read.
    """
    if config.prune.channel_multiple is not None:
        return config.prune.channel_multiple.model_dump(), 1
    record = directory.record("multiples", Multiples)
    if record is None:
        found = target.channel_multiple.model_dump() | _learned(config, device)
        record = directory.finish("multiples", Multiples(by_kind=found))
    return record.by_kind, LEAST_CHOICES


def history_url(config: PipelineConfig) -> str | None:
    """The history a pipeline names; None: the user's own."""
    return None if config.history == "default" else config.history


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


def _learned(config: PipelineConfig, device: Device) -> dict[str, int]:
    if config.history == "none":
        return {}
    with History.open(history_url(config)) as history:
        found = history.multiples(target_key(target_facts(device.conditions())))
    return {kind: one.multiple for kind, one in found.items() if one.gain >= LEAST_GAIN}
