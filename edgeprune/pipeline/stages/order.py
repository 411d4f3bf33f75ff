"""The stages of a run: what each takes and leaves, and the order in which they run.

A stage's record is in ``stages/`` of the run directory once it is done, so that a run that was
interrupted goes on behind it; searches, races and artifacts have records of their steps as well.
Where the budget is on accuracy alone, ``tolerance`` finds the latency that the search aims at.
Where a run has several budgets, search, contenders and race are done for each.
"""

from dataclasses import dataclass

from edgeprune.joint import JointResult
from edgeprune.latency import NetModel
from edgeprune.pipeline.amounts import unreachable
from edgeprune.pipeline.field import Field
from edgeprune.pipeline.goals import Goal, goals
from edgeprune.pipeline.records import (
    ArtifactRecord,
    Finished,
    Kernels,
    Manifest,
    Race,
    Scoring,
    Tolerated,
)
from edgeprune.pipeline.session import Session
from edgeprune.pipeline.stages.artifacts import artifacts_of
from edgeprune.pipeline.stages.base import finish_base
from edgeprune.pipeline.stages.bundle import write_bundle
from edgeprune.pipeline.stages.contenders import gather, gather_smallest, settler_of
from edgeprune.pipeline.stages.curves import learn_curves
from edgeprune.pipeline.stages.joint import train_together
from edgeprune.pipeline.stages.kernels import learn_kernels
from edgeprune.pipeline.stages.ladder import climb, write_frontier
from edgeprune.pipeline.stages.probe import Probe, probe
from edgeprune.pipeline.stages.race import race
from edgeprune.pipeline.stages.scoring import choose_scoring
from edgeprune.pipeline.stages.search import search, worth_measuring
from edgeprune.pipeline.stages.tolerance import find_tolerated, tolerated_goal
from edgeprune.search import SearchResult
from edgeprune.sensitivity import Curves


@dataclass(frozen=True)
class Stage:
    """One stage.

    Attributes:
        name: of its file here, and of its record.
        takes: what earlier stages have left for it.
        leaves: what it leaves.
    """

    name: str
    takes: tuple[type, ...]
    leaves: type


#: In the order they run; `edgeprune.pipeline.stages.report` makes the page of the last one's.
STAGES = (
    Stage("joint", (), JointResult),
    Stage("base", (), Finished),
    Stage("kernels", (), Kernels),
    Stage("probe", (), Probe),
    Stage("curves", (Kernels, Probe), Curves),
    Stage("tolerance", (Kernels, Probe, Curves), Tolerated),
    Stage("scoring", (Kernels, Probe, Curves), Scoring),
    Stage("search", (JointResult, Kernels, Probe, Curves, Scoring), SearchResult),
    Stage("contenders", (Kernels, Probe, SearchResult), Field),
    Stage("race", (Field,), Race),
    Stage("artifacts", (Finished,), ArtifactRecord),
    Stage("ladder", (Kernels, SearchResult, Finished), Finished),
    Stage("bundle", (Finished, Race, ArtifactRecord), Manifest),
)


def run_stages(session: Session) -> Manifest:
    """Run all stages, or go on with the first that is not done.

    Args:
        session: the open run.
    """
    session = train_together(session)
    base = finish_base(session)
    kernels = learn_kernels(session)
    budget, probed = session.config.budget, probe(session)
    wanted = goals(budget, probed)
    if wanted[0].probed.reachable and not unreachable(session):
        learn_curves(session, lambda: worth_measuring(session, probed, kernels))
    if budget.seeks and budget.accuracy_drop is not None:
        found = find_tolerated(session, probed, kernels, budget.accuracy_drop)
        wanted = [tolerated_goal(probed, found, own=True)]
    reached = [(goal, _reach(session, goal, kernels)) for goal in wanted]
    own, records = reached[-1]
    contenders = {"base": base, **(records or {})}
    artifacts = artifacts_of(session, contenders["result"])
    several = len(wanted) > 1
    ladder = write_frontier(session, reached) if several else climb(session, own, kernels)
    return write_bundle(session, own, contenders, artifacts, ladder)


def _reach(session: Session, goal: Goal, kernels: NetModel | None) -> dict[str, Finished] | None:
    """Search within one budget, and race what is found; None where another budget's result serves.

    Returns:
        The records of ``result`` and of the baselines.
    """
    away = unreachable(session)
    if goal.probed.reachable and not away:
        choose_scoring(session, goal, kernels)
        sampler = session.config.search.sampler
        found = search(session, goal.probed, goal.named("search"), sampler, kernels)
        compared = search(session, goal.probed, goal.named("random"), "random", kernels)
        field = gather(session, goal, found, compared, kernels)
        counted = session.counted is not None
        settler = None if counted else settler_of(session, goal, (found, compared), kernels)
        return race(session, goal, field, settler)
    if away:
        session.reporter.say(_contradiction(session, goal, away))
        return race(session, goal, gather_smallest(session, goal)) if goal.own else None
    session.reporter.say(
        f"even the smallest candidate takes {goal.probed.smallest:.3f}x of the base's latency, "
        f"over the budget of {goal.limit:.3f}x: writing that one, without a search"
    )
    return race(session, goal, gather_smallest(session, goal)) if goal.own else None


def _contradiction(session: Session, goal: Goal, away: str) -> str:
    """Which budget cannot be held, and which ones could have been."""
    holds = [f"{goal.limit:.3g}x of the latency"] if goal.probed.reachable else []
    names = session.config.budget.amounts
    holds += [
        f"budget.{name} {one.text}" for name, one in names.items() if f"budget.{name} " not in away
    ]
    would = f"; what binds is that alone: {' and '.join(holds)} could be held" if holds else ""
    return (
        f"even the smallest candidate is over the budget of {away}{would}: writing that one, "
        "without a search"
    )
