"""Which multiples of channels a run keeps to: the user's, the device's own, or the profile's."""

from typing import Any

from edgeprune.config import PipelineConfig, TargetConfig
from edgeprune.devices import Device
from edgeprune.history import History, target_facts, target_key
from edgeprune.pipeline.run_directory import RunDirectory


def channel_multiples(
    config: PipelineConfig, target: TargetConfig, device: Device, directory: RunDirectory
) -> dict[str, int]:
    """Multiples by kind of layer; a resumed run keeps those it began with.

    Args:
        config: the pipeline; what it says wins.
        target: the profile; what it says holds where nothing was learned.
        device: open; `edgeprune target probe` may have learned its multiples before.
        directory: of the run.

    Raises:
        HistoryError: the history cannot be read.
    """
    if config.prune.channel_multiple is not None:
        return config.prune.channel_multiple.model_dump()
    record = directory.record("multiples")
    if record is None:
        record = target.channel_multiple.model_dump() | _learned(config, device)
        directory.finish("multiples", record)
    return dict(record)


def _learned(config: PipelineConfig, device: Device) -> dict[str, Any]:
    if config.history is None:
        return {}
    with History.open(None if config.history == "default" else config.history) as history:
        found = history.multiples(target_key(target_facts(device.conditions())))
    return {kind: staircase.multiple for kind, staircase in found.items()}
