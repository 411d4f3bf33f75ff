"""The kernels: what the target is known to take for this model's layers, and what it lacks.

The history belongs to the device: kernels that an earlier run measured serve this one. What is
missing is profiled now, kept for later runs, and recorded in the run itself, so that a resumed run
predicts what the interrupted one did whatever other runs have measured since.
"""

from edgeprune.devices.runtimes import runtime_of
from edgeprune.errors import MeasurementError
from edgeprune.history import History, target_facts, target_key
from edgeprune.history.exchange import Records
from edgeprune.latency import PROFILES, KernelTable, NetModel, PrunableNet, profile_missing
from edgeprune.pipeline.missed import keep_missed
from edgeprune.pipeline.records import Kernels
from edgeprune.pipeline.run_history import RunHistory
from edgeprune.pipeline.session import Session
from edgeprune.search import Widths

#: Nets of one architecture that must have been profiled before their kernels are believed.
FEWEST_PROFILES = 10


def learn_kernels(session: Session) -> NetModel | None:
    """Load what is known of the target, profile what is not, and put it together for this model.

    Args:
        session: the open run.

    Returns:
        The model's latency from its kernels; None where the runtime cannot tell layers apart or
        tunes what is new to it, no time is given for it, the history is switched off, no latency
        is asked for, or a profile does not show the kernels that are measured.

    Raises:
        HistoryError: it is no history, or of a newer version.
        MeasurementError: the device was lost.
    """
    limit_s, space = session.target.measure.probe_s, session.channels
    if session.history is None or limit_s == 0 or session.counted is not None:
        return None
    if runtime_of(session.target).tunes:
        return None
    called: dict[str, str] | None = None
    if (files := session.artifact) is not None:
        if files.nodes is None:
            return None
        called = {node: layer for layer, node in files.nodes.items()}
    try:
        net = PrunableNet(space.template.base, space.layer_costs, space.full, called)
    except MeasurementError as error:
        session.reporter.log(f"kernels: {error}")
        return None
    record = session.directory.record("kernels", Kernels)
    if record is None:
        record = session.directory.finish("kernels", _learn(session, session.history, net, limit_s))
    table = KernelTable.from_json(record.table)
    if sum(rest.net == net.signature for rest in table.rests) < FEWEST_PROFILES:
        return None
    return NetModel(net, table)


def _learn(session: Session, history: RunHistory, net: PrunableNet, limit_s: float) -> Kernels:
    profiled = 0
    with session.reporter.task("kernels", PROFILES) as task:

        def candidate(widths: Widths) -> bytes:
            nonlocal profiled
            profiled += 1
            task.advance(note=f"net {profiled}")
            return session.own_form(session.candidate(widths))

        facts = target_facts(session.device.conditions())
        key = target_key(facts)
        table = history.ask(lambda kept: KernelTable.load(kept, key), KernelTable())
        profile_missing(
            *(session.device, table, net, candidate, session.channels.choices),
            branches=[one.groups for one in session.channels.branches],
            seconds=limit_s,
        )

        def save(kept: History) -> None:
            kept.target(key, facts)
            table.save(kept, key)

        if not history.tell(save):
            missed = Records(key, facts, kernels=table.new_records())
            keep_missed(session.directory, "kernels", [missed])
    session.reporter.log(f"kernels: {profiled} nets profiled, {len(table.times)} kernels known")
    return Kernels(profiled=profiled, table=table.to_json())
