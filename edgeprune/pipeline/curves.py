"""The curves: what cutting each group alone costs, measured once a run for all its searches."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from edgeprune.pipeline.base import JOINT
from edgeprune.pipeline.session import Session
from edgeprune.sensitivity import Curves, measure_curves, points_wanted

#: Samplers that are told nothing: they are what every result is compared with.
COMPARED = ("uniform", "random")

#: Widths by group.
Useful = Mapping[str, Sequence[int]]


def informed(sampler: str) -> bool:
    """Whether a sampler is told the curves; Optuna's own stay what they are."""
    return sampler not in (*COMPARED, JOINT) and not sampler.startswith("optuna:")


def learn_curves(session: Session, useful: Callable[[], Useful]) -> Curves | None:
    """Measure the sensitivity curves, or go on where an interrupted run stopped.

    Args:
        session: the open run; it is told the curves.
        useful: the widths that allocations choose from, asked for where they are measured.

    Returns:
        The curves; None where the sampler would not look at them, or none are asked for.
    """
    config = session.config.search
    if config.curves_s == 0 or not informed(config.sampler) or not session.space.free:
        return None
    record = session.directory.record("curves")
    if record is None:
        record = session.directory.finish("curves", _measure(session, useful()).to_json())
    session.curves = Curves.from_json(record)
    for warning in session.curves.warnings:
        session.reporter.say(f"sensitivity: {warning}")
    return session.curves


def _measure(session: Session, useful: Useful) -> Curves:
    directory, space = session.directory, session.space
    measured: dict[str, Any] = directory.record("curves-measured") or {}
    known = {
        group: {int(width): loss for width, loss in points.items()}
        for group, points in measured.items()
    }
    with session.reporter.task("sensitivity", points_wanted(space, useful)) as task:
        return measure_curves(
            space,
            session.workload.model,
            session.plan,
            session.recovery,
            session.workload.splits.train,
            seed=session.config.search.seed,
            seconds=session.config.search.curves_s,
            useful=useful,
            known=known,
            keep=lambda found: directory.finish("curves-measured", found),
            advance=lambda note: task.advance(note=note),
        )
