"""How candidates are scored: as recovered, or after a little training where that says nothing.

Where a budget is tight, every recovered candidate answers little better than by chance, and what
fine-tuning will make of one has nothing to do with it: of 24 plans of a ResNet-20 at a quarter of
its latency, all between 0 and 2 % before, fine-tuning made 11 to 87 %. Their accuracy after a
short training ranks them (docs/results.md, "What fine-tuning makes of a plan").
"""

from edgeprune.latency import NetModel
from edgeprune.pipeline.goals import Goal
from edgeprune.pipeline.problems import search_problem
from edgeprune.pipeline.records import Scoring
from edgeprune.pipeline.session import Session
from edgeprune.search.allocation import allocations

#: Candidates are trained where the best allocation keeps less than this share of the base's
#: accuracy. At 0.75 (ResNet-20, half the latency) score and MACs explain what fine-tuning makes of
#: plans to 96 %, at 0.26 (ResNet-8, 0.35x) to 72 %, where a search by scores after training did no
#: better for three times the time; at 0.03 (digit pairs) they explain nothing.
TELLING = 0.2
#: Images that candidates are trained on then; fewer where fine-tuning itself is short.
IMAGES = 2048
#: Largest share of the fine-tuning that a candidate's training may take.
_SHARE = 0.25


def choose_scoring(session: Session, goal: Goal, kernels: NetModel | None = None) -> Scoring:
    """Decide for one budget, or read back what was decided; the session is told.

    Args:
        session: the open run; its curves are known.
        goal: the budget.
        kernels: latency of the model from the target's kernels, where they are known.
    """
    wanted = session.config.recover.retrain_images
    if wanted != "auto":
        scoring = Scoring(retrain_images=wanted)
    elif session.counted is not None or session.config.jointly:
        scoring = Scoring(retrain_images=0)
    else:
        name = goal.named("scoring")
        known = session.directory.record(name, Scoring)
        scoring = known or session.directory.finish(name, _tried(session, goal, kernels))
    session.retrain_images = scoring.retrain_images
    return scoring


def _tried(session: Session, goal: Goal, kernels: NetModel | None) -> Scoring:
    workload, recipe = session.workload, session.config.finetune
    images = min(IMAGES, int(_SHARE * recipe.epochs * len(workload.splits.train)))
    if not images:
        return Scoring(retrain_images=0)
    problem = search_problem(session, goal.probed, goal.probed.estimator(session, kernels))
    best = max(
        session.score(session.recovery.recover(session.plan(widths)))
        for widths in allocations(problem)
    )
    base = session.score(workload.model)
    if best >= TELLING * base:
        return Scoring(retrain_images=0, best=best, base=base)
    session.reporter.say(
        f"within {goal.text}, candidates reach {best:.1%} {workload.task.score.called} before "
        f"fine-tuning at best (base {base:.1%}), which says little: each is trained on {images:,} "
        "images before it is scored (recover.retrain_images)"
    )
    return Scoring(retrain_images=images, best=best, base=base)
