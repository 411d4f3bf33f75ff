"""Tuning: MetaSchedule looks for a fast schedule of every kernel, by trial on the device."""

import logging
import os
import tempfile
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from edgeprune.config.runtimes import TvmConfig
from edgeprune.devices.tvm.compile import untuned_message
from edgeprune.devices.tvm.database import open_database
from edgeprune.devices.tvm.host import compiler_for, first_line, tvm_target
from edgeprune.devices.tvm.linking import kernel_builder, kernel_exporter
from edgeprune.devices.tvm.network import KernelTask, read_network
from edgeprune.devices.tvm.rpc import free_devices
from edgeprune.errors import MeasurementError, TargetError

#: Most trials between two writes to the database: what an interrupt loses.
_BATCH = 32
#: Limits for building and for timing one trial, seconds; emulated devices are slow.
_BUILD_S, _RUN_S, _REMOTE_RUN_S = 60.0, 30.0, 120.0

_LOGGER = "tvm.s_tir.meta_schedule"

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
            task for task, _ in network.tasks if database.finished_trials(task.workload) < trials
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
    compiler = compiler_for(target, config.cross_compiler)
    network = read_network(model, target)
    tuned: list[str] = []
    reused: list[str] = []
    untuned: list[str] = []
    with tempfile.TemporaryDirectory(prefix="edgeprune-tvm-") as folder:
        tuner: _Tuner | None = None
        for done, (task, loops) in enumerate(network.tasks):
            if progress is not None:
                progress(done, len(network.tasks), task.name)
            # Opened anew for each: another process may tune the same kernels in between.
            with open_database(database_folder, target, own) as database:
                if database.finished_trials(task.workload) >= config.trials_per_kernel:
                    reused.append(task.name)
                    continue
                tuner = tuner or _Tuner(config, threads, compiler, folder)
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


class _Tuner:
    """MetaSchedule's builder, runner and cost model, started once for all kernels."""

    def __init__(self, config: TvmConfig, threads: int, compiler: str, folder: str) -> None:
        from tvm.s_tir import meta_schedule

        logging.getLogger(_LOGGER).setLevel(logging.ERROR)
        self._library, self._config, self._folder = meta_schedule, config, folder
        self._cores = len(os.sched_getaffinity(0))
        self._runner = _runner(meta_schedule, config, threads)
        self._builder = meta_schedule.builder.LocalBuilder(
            max_workers=self._cores,
            timeout_sec=_BUILD_S,
            f_build=kernel_builder(),
            f_export=kernel_exporter(compiler, folder),
        )
        self._cost_model = meta_schedule.cost_model.CostModel.create(
            config.cost_model, num_tuning_cores=self._cores, tree_method="auto"
        )
        self._failures: list[str] = []
        self._callbacks = [
            *meta_schedule.measure_callback.MeasureCallback.create("default"),
            _failure_keeper(meta_schedule, self._failures),
        ]

    @property
    def failure(self) -> str:
        """What the last trial that failed said, in one line."""
        text = self._failures[-1] if self._failures else ""
        return " ".join(line.strip() for line in text.strip().splitlines()[-2:])

    def tune(self, task: Any, records: Any) -> None:
        """Give one kernel its trials."""
        trials = self._config.trials_per_kernel
        batches = -(-trials // _BATCH)
        context = self._library.TuneContext(
            mod=task.dispatched[0],
            target=task.target,
            space_generator="post-order-apply",
            search_strategy=self._config.strategy,
            task_name=task.task_name,
            logger=logging.getLogger(_LOGGER),
            # TVM's seeds begin with 1.
            rand_state=self._config.seed % (2**31 - 1) + 1,
            num_threads=self._cores,
        )
        # One kernel at a time: given several, TVM shares its trials out by itself, and may leave
        # the last kernels without any.
        self._library.tune.tune_tasks(
            tasks=[context.clone()],
            task_weights=[task.weight],
            work_dir=self._folder,
            max_trials_global=trials,
            max_trials_per_task=trials,
            num_trials_per_iter=-(-trials // batches),
            builder=self._builder,
            runner=self._runner,
            database=records,
            cost_model=self._cost_model,
            measure_callbacks=self._callbacks,
            task_scheduler="round-robin",
        )


def _runner(meta_schedule: Any, config: TvmConfig, threads: int) -> Any:
    """What times a trial: this machine, or a device that the tracker lends."""
    if config.rpc is None:

        def limit_threads() -> None:
            import os

            os.environ["TVM_NUM_THREADS"] = str(threads)

        return meta_schedule.runner.LocalRunner(timeout_sec=_RUN_S, initializer=limit_threads)
    free_devices(config.rpc)
    return meta_schedule.runner.RPCRunner(
        rpc_config=meta_schedule.runner.RPCConfig(
            tracker_host=config.rpc.host,
            tracker_port=config.rpc.port,
            tracker_key=config.rpc.key,
            session_timeout_sec=int(_REMOTE_RUN_S),
        ),
        evaluator_config=meta_schedule.runner.EvaluatorConfig(
            number=1, repeat=3, min_repeat_ms=20, enable_cpu_cache_flush=False
        ),
        max_workers=1,
    )


def _failure_keeper(meta_schedule: Any, failures: list[str]) -> Any:
    """Keeps what failed trials said; TVM would only count them."""
    from tvm.ir.utils import derived_object

    @derived_object
    class FailureKeeper(meta_schedule.measure_callback.PyMeasureCallback):  # type: ignore[misc]
        def apply(self, scheduler: Any, task: int, candidates: Any, builds: Any, runs: Any) -> None:
            for result in (*builds, *runs):
                if result.error_msg:
                    failures.append(str(result.error_msg))

    return FailureKeeper()
