"""Tuning: MetaSchedule looks for a fast schedule of every kernel, by trial on the device."""

import tempfile
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

from edgeprune.config.runtimes import TvmConfig
from edgeprune.devices.tvm.compile import untuned_message
from edgeprune.devices.tvm.database import open_database
from edgeprune.devices.tvm.host import compiler_for, first_line, is_this_machine, tvm_target
from edgeprune.devices.tvm.network import KernelTask, read_network
from edgeprune.devices.tvm.trials import Tuner
from edgeprune.errors import MeasurementError, TargetError

#: Told how many kernels are done, of how many, and the name of the next; "" after the last.
Progress = Callable[[int, int, str], None]


@dataclass(frozen=True)
class TuningReport:
    """What a tuning did.

    Attributes:
        kernels: how many the network has.
        tuned: names of those tuned in this call.
        reused: names of those that had been tuned before.
        untuned: names of those for which no trial succeeded.
    """

    kernels: int
    tuned: tuple[str, ...]
    reused: tuple[str, ...]
    untuned: tuple[str, ...]


def new_kernels(
    model: bytes, target: Mapping[str, object], database_folder: Path, config: TvmConfig
) -> list[KernelTask]:
    """The kernels of a network that `tune` would tune.

    Raises:
        TargetError, MeasurementError: as `tune`.
    """
    own = tvm_target(target)
    network = read_network(model, target)
    with open_database(database_folder, target, own) as database:
        trials = config.trials_per_kernel
        return [
            task
            for task, loops in network.tasks
            if not database.is_finished(task.workload, loops, trials)
        ]


def tune(
    model: bytes,
    target: Mapping[str, object],
    database_folder: Path,
    config: TvmConfig,
    *,
    threads: int = 1,
    progress: Progress | None = None,
) -> TuningReport:
    """Tune the kernels of a network that the database does not have yet.

    Kernels are tuned one after another; what has been tried stays when it is interrupted, and a
    kernel that had all its trials is never tuned again. With ``config.rpc`` trials are timed on
    a device that the tracker lends, otherwise on this machine.

    Args:
        model: ONNX file.
        target: TVM's target.
        database_folder: folder of the target's database; made if it is not there.
        config: trials for each kernel, strategy, cost model, seed, tracker, cross compiler,
            whether kernels may stay untuned.
        threads: that a kernel may use, where it is timed on this machine.
        progress: told before every kernel, and at the end.

    Raises:
        TargetError: TVM, the compiler, the tracker or its device is missing, the target is wrong
            or not the database's; or a kernel has no trial that succeeded (unless allowed).
        MeasurementError: TVM cannot read the model, or failed itself while it tuned.
    """
    own = tvm_target(target)
    if config.rpc is None and not is_this_machine(target):
        msg = (
            f"kernels for {target.get('mtriple')} cannot be tried on this machine; lend the device "
            "through a TVM tracker (tvm.rpc in the profile)"
        )
        raise TargetError(msg)
    compiler = compiler_for(target, config.cross_compiler)
    network = read_network(model, target)
    tuned: list[str] = []
    reused: list[str] = []
    untuned: list[str] = []
    with tempfile.TemporaryDirectory(prefix="edgeprune-tvm-") as folder:
        tuner: Tuner | None = None
        for done, (task, loops) in enumerate(network.tasks):
            if progress is not None:
                progress(done, len(network.tasks), task.name)
            # Opened anew for each: another process may tune the same kernels in between.
            with open_database(database_folder, target, own) as database:
                if database.is_finished(task.workload, loops, config.trials_per_kernel):
                    reused.append(task.name)
                    continue
                tuner = tuner or Tuner(config, threads, compiler, folder)
                try:
                    tuner.tune(loops, database.records)
                except Exception as error:
                    msg = f"TVM cannot tune the kernel {task.name}: {first_line(error)}"
                    raise MeasurementError(msg) from error
                if database.best_ms(loops) is None:
                    untuned.append(task.name)
                else:
                    database.finish(task.workload, config.trials_per_kernel)
                    tuned.append(task.name)
    if progress is not None:
        progress(len(network.tasks), len(network.tasks), "")
    if untuned and not config.allow_untuned:
        failure = tuner.failure if tuner is not None else ""
        reason = f"; the last trial that failed: {failure}" if failure else ""
        raise TargetError(untuned_message(tuple(untuned), len(network.tasks), reason))
    return TuningReport(len(network.tasks), tuple(tuned), tuple(reused), tuple(untuned))
