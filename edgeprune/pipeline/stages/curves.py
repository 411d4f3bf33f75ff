"""The curves: what cutting each group alone costs, measured once a run for all its searches."""

from collections.abc import Callable, Mapping, Sequence

from edgeprune.pipeline.records import MeasuredPoints
from edgeprune.pipeline.session import Session
from edgeprune.search import sampler_spec
from edgeprune.sensitivity import Curves, measure_curves, points_wanted

#: Widths by group.
Useful = Mapping[str, Sequence[int]]


def learn_curves(session: Session, useful: Callable[[], Useful]) -> Curves | None:
    """Measure the sensitivity curves, or go on where an interrupted run stopped.

    Args:
        session: the open run; it is told the curves.
        useful: the widths that allocations choose from, asked for where they are measured.

    Returns:
        The curves; None where the sampler would not look at them, none are asked for, or no
        channels are cut.
    """
    config = session.config.search
    if session.counted is not None:
        return None
    told = sampler_spec(config.sampler).informed
    if config.curves_s == 0 or not told or not session.channels.free:
        return None
    session.curves = session.directory.record("curves", Curves)
    if session.curves is None:
        session.curves = session.directory.finish("curves", _measure(session, useful()))
    for warning in session.curves.warnings:
        session.reporter.say(f"sensitivity: {warning}")
    return session.curves


def _measure(session: Session, useful: Useful) -> Curves:
    directory, space = session.directory, session.channels
    measured = directory.record("curves-measured", MeasuredPoints)
    with session.reporter.task("sensitivity", points_wanted(space, useful)) as task:
        return measure_curves(
            space,
            session.workload.model,
            session.plan,
            session.recovery,
            session.workload.splits.train,
            task=session.workload.task,
            seed=session.config.search.seed,
            seconds=session.config.search.curves_s,
            useful=useful,
            known={} if measured is None else measured.losses,
            keep=lambda found: directory.finish("curves-measured", MeasuredPoints(losses=found)),
            advance=lambda note: task.advance(note=note),
        )
