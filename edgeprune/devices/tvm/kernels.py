"""The kernel table that tuning leaves behind: each shape was compiled and timed once."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from edgeprune.devices.tvm.compile import untuned_message
from edgeprune.devices.tvm.database import open_database
from edgeprune.devices.tvm.host import tvm_target
from edgeprune.devices.tvm.network import KernelTask, read_network
from edgeprune.errors import TargetError


@dataclass(frozen=True)
class KernelTime:
    """A kernel of a network with its time.

    Attributes:
        task: the kernel, and how often the network calls it.
        ms: mean run of its fastest schedule, as tuning timed it on the device, milliseconds.
    """

    task: KernelTask
    ms: float


def time_kernels(
    model: bytes, target: Mapping[str, object], database_folder: Path
) -> list[KernelTime]:
    """Times of a tuned network's kernels; ``sum(one.task.weight * one.ms)`` predicts the whole.

    Nothing is run: tuning has timed every kernel.

    Args:
        model: ONNX file.
        target: TVM's target.
        database_folder: folder of its tuning database.

    Raises:
        TargetError: a kernel is not tuned; TVM is missing, the target is wrong or not the
            database's.
        MeasurementError: TVM cannot read the model.
    """
    own = tvm_target(target)
    network = read_network(model, target)
    with open_database(database_folder, target, own) as database:
        found = [(task, database.best_ms(loops)) for task, loops in network.tasks]
    untuned = tuple(task.name for task, ms in found if ms is None)
    if untuned:
        raise TargetError(untuned_message(untuned, len(found)))
    return [KernelTime(task, ms) for task, ms in found if ms is not None]
