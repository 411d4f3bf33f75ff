"""Stage 2, kernels: what the target is known to take for this model's layers, and what it lacks.

The history belongs to the device: kernels that an earlier run measured serve this one. What is
missing is profiled now, kept for later runs, and recorded in the run itself, so that a resumed run
predicts what the interrupted one did whatever other runs have measured since.
"""

from collections.abc import Iterator
from typing import Any

import numpy as np

from edgeprune.config import PipelineConfig
from edgeprune.errors import MeasurementError
from edgeprune.history import History, target_facts, target_key
from edgeprune.latency import (
    Kernel,
    KernelTable,
    NetModel,
    PrunableNet,
    profile_kernels,
    profiles_wanted,
    random_widths,
)
from edgeprune.latency.table import Rest
from edgeprune.pipeline.session import Session
from edgeprune.search import Widths

#: Nets of one architecture that must have been profiled before their kernels are believed.
FEWEST_PROFILES = 10
_SEED = 1


def learn_kernels(session: Session) -> NetModel | None:
    """Load what is known of the target, profile what is not, and put it together for this model.

    Args:
        session: the open run.

    Returns:
        The model's latency from its kernels; None where the runtime cannot tell layers apart, no
        time is given for it, or the history is switched off.

    Raises:
        HistoryError: the history cannot be read or written.
        MeasurementError: the device was lost.
    """
    if session.config.history is None:
        return None
    space = session.space
    try:
        net = PrunableNet(space.template.base, space.layer_costs, space.full)
    except MeasurementError as error:
        session.reporter.log(f"kernels: {error}")
        return None
    record = session.directory.record("kernels")
    if record is None:
        record = session.directory.finish("kernels", _learn(session, net))
    table = _table(record)
    if sum(rest.net == net.signature for rest in table.rests) < FEWEST_PROFILES:
        return None
    return NetModel(net, table)


def open_history(config: PipelineConfig) -> History:
    """The history that a pipeline names; not to be called where it names none."""
    return History.open(None if config.history == "default" else config.history)


def _learn(session: Session, net: PrunableNet) -> dict[str, Any]:
    facts = target_facts(session.device.conditions())
    key = target_key(facts)
    with open_history(session.config) as history:
        history.target(key, facts)
        table = KernelTable.load(history, key)
        known = len(table.times)
        wanted = profiles_wanted(net, table)
        profiled = 0
        limit_s = session.target.measure.probe_s
        if wanted and limit_s:
            with session.reporter.task("kernels", wanted) as task:
                widths = _told(_cuts(session, wanted, profiles_done=len(table.rests)), task)
                candidate = session.candidate
                profiled = profile_kernels(session.device, net, candidate, widths, table, limit_s)
            table.save(history, key)
    session.reporter.log(f"kernels: {known} known before, {profiled} nets profiled")
    return {
        "target": key,
        "known": known,
        "profiled": profiled,
        "times": [[kernel.to_json(), times] for kernel, times in table.times.items()],
        "rests": [[rest.net, rest.channels, rest.ms] for rest in table.rests],
    }


def _table(record: dict[str, Any]) -> KernelTable:
    times = {Kernel.from_json(kernel): list(found) for kernel, found in record["times"]}
    rests = [
        Rest(net, tuple((read, written, groups) for read, written, groups in channels), ms)
        for net, channels, ms in record["rests"]
    ]
    return KernelTable(times, rests)


def _cuts(session: Session, count: int, profiles_done: int) -> Iterator[Widths]:
    """Widths to profile: the uncut net, and random ones that no earlier probe has seen."""
    generator = np.random.default_rng([_SEED, profiles_done])
    yield session.space.full
    for _ in range(count - 1):
        yield random_widths(session.space.choices, generator)


def _told(widths: Iterator[Widths], task: Any) -> Iterator[Widths]:
    """The same, telling the user of each."""
    for number, one in enumerate(widths):
        if number:
            task.advance(note=f"net {number}")
        yield one
    task.advance(note="done")
