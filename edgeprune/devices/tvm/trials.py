"""Trying schedules of one kernel after another: build, time, write down."""

import importlib
import inspect
import logging
import os
import sys
from typing import Any
from unittest.mock import patch

from edgeprune.config.runtimes import TvmConfig
from edgeprune.devices.tvm.linking import kernel_builder, kernel_exporter
from edgeprune.devices.tvm.rpc import free_devices

#: Most trials between two writes to the database: what an interrupt loses.
_BATCH = 32
#: Limits for building and for timing one trial, seconds; emulated devices are slow.
_BUILD_S, _RUN_S, _REMOTE_RUN_S = 60.0, 30.0, 120.0

_LOGGER = "tvm.s_tir.meta_schedule"


class Tuner:
    """MetaSchedule's builder, runner and cost model, started once for all kernels.

    Args:
        config: trials for each kernel, strategy, cost model, seed, tracker.
        threads: that a kernel may use, where it is timed on this machine.
        compiler: program that links for the device.
        folder: for the libraries of trials; whoever tunes removes it.

    Raises:
        TargetError: no tracker, or no device of that key.
    """

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
        """Give one kernel its trials.

        Args:
            task: TVM's extracted task.
            records: MetaSchedule's database, which gets every trial.
        """
        _load_intrinsics()
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


def _load_intrinsics() -> None:
    """Import what TVM imports before its first trial, four times as fast.

    For each of some hundred functions it asks for the stack with its source lines, which it does
    not look at outside a class. In a process that has torch loaded that takes two minutes.
    """

    def without_lines(context: int = 0) -> list[inspect.FrameInfo]:
        return inspect.getouterframes(sys._getframe(1), 0)

    with patch.object(inspect, "stack", without_lines):
        importlib.import_module("tvm.s_tir.tensor_intrin")


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
