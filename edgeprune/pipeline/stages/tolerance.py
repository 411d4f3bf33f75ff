"""The tolerance: the least latency at which a network loses no more accuracy than it may.

A budget of ``accuracy_drop`` alone names no latency. It is found by bisection: at each latency the
most promising allocation by the curves is fine-tuned like every contender and scored on the reward
split. The least latency at which it kept enough becomes the budget of the run's own search, in
whose race that allocation runs as well.
"""

import math
from functools import partial

from edgeprune.errors import DivergedError
from edgeprune.latency import NetModel
from edgeprune.pipeline.finishing import fine_tune
from edgeprune.pipeline.goals import Goal
from edgeprune.pipeline.problems import search_problem
from edgeprune.pipeline.records import Tolerance, Tolerated
from edgeprune.pipeline.session import Session
from edgeprune.pipeline.stages.probe import Probe
from edgeprune.search import Widths
from edgeprune.search.allocation import allocations
from edgeprune.search.promise import promise

#: Latencies that are tried at most; each costs the fine-tuning of one contender.
STEPS = 5
#: The loosest latency that is tried, as a ratio to the base model's.
LOOSEST = 0.95
#: Latencies nearer to each other than this are not worth another step.
_NEAR = 1.04


def find_tolerated(
    session: Session,
    probed: Probe,
    kernels: NetModel | None,
    allowed: float,
    stage: str = "tolerance",
) -> Tolerated:
    """Find the latency, or read back what was found; steps of an interrupted run are kept.

    Args:
        session: the open run; its curves are known.
        probed: what the device said before the search.
        kernels: latency of the model from the target's kernels, where they are known.
        allowed: points of accuracy that may be lost, on the reward split.
        stage: names the record.
    """
    directory = session.directory
    known = directory.record(stage, Tolerated)
    if known is not None:
        return known
    tried: list[Tolerance] = []
    tight, loose = probed.smallest, max(LOOSEST, probed.smallest)
    with session.reporter.task(stage, STEPS) as task:
        for step in range(1, STEPS + 1):
            if loose / tight < _NEAR:
                break
            limit = round(math.sqrt(tight * loose), 4)
            name = f"{stage}-{step}"
            one = directory.record(name, Tolerance)
            one = one or directory.finish(name, _try(session, probed, kernels, limit, name))
            tried.append(one)
            tight, loose = (tight, limit) if one.lost <= allowed else (limit, loose)
            task.advance(note=f"{one.lost:.1f} points lost at {limit:.2f}x; allowed: {allowed:g}")
    found = Tolerated(limit=loose, tried=tuple(tried))
    if not any(one.lost <= allowed for one in tried):
        session.reporter.say(
            f"nothing that was tried loses at most {allowed:g} points (budget.accuracy_drop): "
            f"searching at {loose:g}x"
        )
    return directory.finish(stage, found)


def tolerated_goal(probed: Probe, found: Tolerated, *, own: bool) -> Goal:
    """The budget that was found, as that of a search.

    Args:
        probed: what the device said before the search.
        found: see `find_tolerated`.
        own: whether its result is the run directory's own bundle.
    """
    probed = probed.model_copy(update={"budget": found.limit})
    return Goal(f"{found.limit:.3g}x", probed, own)


def _try(
    session: Session, probed: Probe, kernels: NetModel | None, limit: float, name: str
) -> Tolerance:
    """Fine-tune the most promising allocation within a latency."""
    probed = probed.model_copy(update={"budget": limit})
    problem = search_problem(session, probed, probed.estimator(session, kernels))

    def promised(widths: Widths) -> float:
        score = session.score(session.recovery.recover(session.plan(widths)))
        return promise(score, session.channels.macs(widths), max(session.worths))

    widths = max(allocations(problem), key=promised)
    plan = session.plan(widths)
    model = session.recovery.recover(plan)
    checkpoint = session.directory.contender(name, "checkpoint")
    kept = 0.0
    try:
        fine_tune(session, name, model, checkpoint, partial(plan.hold, model))
        kept = session.score(model)
    except DivergedError as error:
        session.reporter.say(f"{name}: {error}")
    checkpoint.unlink(missing_ok=True)
    lost = 100 * (session.score(session.workload.model) - kept)
    session.reporter.log(f"{name}: {lost:.2f} points lost at an expected {limit:g}x")
    return Tolerance(limit=limit, widths=widths, lost=lost)
