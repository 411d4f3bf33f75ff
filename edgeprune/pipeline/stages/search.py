"""The searches: the chosen sampler, and random search with as many trials."""

from collections.abc import Callable
from dataclasses import replace
from functools import partial
from typing import Any

from optuna.samplers import BaseSampler

from edgeprune.devices import Comparison, unsurprised
from edgeprune.evaluation import Evaluator
from edgeprune.joint import JointResult
from edgeprune.latency import NetModel
from edgeprune.pipeline.amounts import measured, shares
from edgeprune.pipeline.clusters import keep_clusters
from edgeprune.pipeline.elsewhere import score_elsewhere
from edgeprune.pipeline.execution import outstanding_proposals
from edgeprune.pipeline.past import Past, open_past
from edgeprune.pipeline.problems import search_problem
from edgeprune.pipeline.recipe import retrain
from edgeprune.pipeline.regimes import regimes, sampler_options
from edgeprune.pipeline.session import Session
from edgeprune.pipeline.stages.probe import Probe
from edgeprune.search import (
    Outcome,
    SearchProblem,
    SearchResult,
    SearchTrial,
    SetAside,
    Widths,
    make_reward,
    run_search,
    sampler_spec,
)
from edgeprune.search.allocation import allocations
from edgeprune.search.filling import fill
from edgeprune.search.problem import Key
from edgeprune.search.translation import best_points
from edgeprune.search.useful_widths import useful_widths

#: Points that a warm start evaluates first.
WARM_STARTS = 5


def search(
    session: Session, probe: Probe, name: str, sampler: str, kernels: NetModel | None = None
) -> SearchResult:
    """Run one search to its end, from wherever its journal stands.

    Args:
        session: the open run.
        probe: the budget and the estimator's first points.
        name: the search's folder in the run directory; it begins with ``search`` where it is the
            user's own, and its sampler has the user's options.
        sampler: a sampler's name.
        kernels: latency of the model from the target's kernels, where they are known.

    Returns:
        All trials, those of earlier processes included.
    """
    with open_past(session, probe, name, sampler) as past:
        return _search(session, probe, name, sampler, kernels, past)


def _search(
    session: Session,
    probe: Probe,
    name: str,
    sampler: str,
    kernels: NetModel | None,
    past: Past,
) -> SearchResult:
    config = session.config.search
    estimator = None if session.counted else probe.estimator(session, kernels)
    problem = replace(search_problem(session, probe, estimator), sources=past.sources)
    spec = sampler_spec(sampler)
    if not spec.informed:
        problem = replace(problem, curves=None)
    # The comparison draws its own numbers: a user's random search must not be it once more.
    own = name.startswith("search")
    options, seed = (sampler_options(session.config), config.seed) if own else ({}, config.seed + 1)
    # As of when it was proposed: the estimator may be learning in another thread.
    expected: dict[Key, tuple[float, float]] = {}

    def believe(compare: Callable[[], Comparison], widths: Widths) -> Comparison:
        return unsurprised(compare, expected.get(problem.key(widths)), session.reporter.log)

    evaluator = session_evaluator(session, past.measured, believe)
    # Joint training has searched already: what is left is to score and measure what it found.
    found = session.directory.record("joint", JointResult) if own else None
    first = _first_widths(session, probe, sampler, kernels) if found is None else [found.widths]
    if config.warm_start == "history" and not spec.recalls:
        first += best_points(problem, past.sources, WARM_STARTS)
    trials = config.trials if found is None else 1

    outstanding = outstanding_proposals(session, spec)
    if outstanding > 1 and spec.several is not None:
        options = dict(spec.several(options))

    here: set[Key] = set()

    def evaluate(widths: Widths) -> Outcome:
        outcome = evaluator(widths)
        here.add(problem.key(widths))
        if not session.config.budget.amounts:
            return outcome
        with session.turns.measuring():
            values = measured(session, widths)
        return replace(outcome, amounts=dict(values), used=shares(session, values))

    def note(widths: Widths) -> dict[str, Any]:
        interval = None if estimator is None else estimator.interval(widths)
        if interval is not None:
            expected[problem.key(widths)] = interval
        return {
            "predicted_ratio": None if estimator is None else estimator.ratio(widths),
            "predicted_interval": None if interval is None else list(interval),
            "predicted_reward": _expected_reward(chosen),
            "trusted": getattr(chosen, "trusted", None),
        }

    chosen = spec.make(problem, seed, trials, options)
    folder = session.directory.path / name
    best: list[SearchTrial] = []
    with session.reporter.task(f"search {sampler}", trials) as task:

        def on_trial(trial: SearchTrial) -> None:
            outcome = trial.outcome
            if outcome.cost <= probe.budget and (not best or trial.reward > best[0].reward):
                best[:] = [trial]
            session.reporter.log(
                f"{name} trial {trial.number}: reward {trial.reward:.4f}, "
                f"accuracy {outcome.accuracy:.4f}, {_cost(outcome)}"
            )
            keep_clusters(folder, chosen, problem)
            known = problem.key(trial.widths) in here
            past.keep(trial, getattr(chosen, "last_actions", None), here=known)
            task.advance(note=_note(best))
            session.reporter.listener.on_trial(trial)

        def on_set_aside(candidate: SetAside) -> None:
            session.reporter.say(
                f"{name}: a candidate is set aside and counts for nothing: {candidate.reason}"
            )

        return run_search(
            problem,
            chosen,
            evaluate,
            make_reward(config.reward, probe.budget),
            trials=trials,
            directory=folder,
            on_trial=on_trial,
            on_set_aside=on_set_aside,
            set_aside_in_a_row=config.set_aside_in_a_row,
            enqueue=first[:trials],
            outstanding=outstanding,
            note=note,
            alone=session.turns.computing,
        )


def worth_measuring(
    session: Session, probe: Probe, kernels: NetModel | None
) -> dict[str, tuple[int, ...]]:
    """The widths that allocations choose from, which the sensitivity curves are measured at."""
    return useful_widths(search_problem(session, probe, probe.estimator(session, kernels)))


def session_evaluator(
    session: Session,
    known: Callable[[Widths], Comparison | None] | None = None,
    believe: Callable[[Callable[[], Comparison], Widths], Comparison] | None = None,
) -> Evaluator:
    """What turns widths into outcomes in a run; what is known is not measured again."""
    images, crew = session.retrain_images, session.crew
    return Evaluator(
        plan=session.plan,
        space=session.space,
        template=session.template,
        recovery=session.recovery,
        split=session.workload.splits.reward,
        device=session.device,
        task=session.workload.task,
        remote=session.remote,
        artifact=session.artifact,
        score_file=None if session.artifact is None else session.artifact.score,
        baseline=session.baseline,
        known=known if session.counted is None else None,
        retrain=partial(retrain, session, images) if images else None,
        turns=session.turns,
        elsewhere=None if crew is None else partial(score_elsewhere, session, crew, images),
        believe=believe,
    )


def _expected_reward(sampler: BaseSampler) -> float | None:
    """What a sampler expects of its newest proposal; None where it expects nothing."""
    return getattr(sampler, "predicted_reward", None)


def _note(best: list[SearchTrial]) -> str:
    if not best:
        return "none within the budget yet"
    outcome = best[0].outcome
    return f"best {outcome.accuracy:.1%} at {outcome.cost:.2f}x (trial {best[0].number})"


def _cost(outcome: Outcome) -> str:
    if outcome.density is None:
        used = (f"{name} {share:.3f} of its budget" for name, share in outcome.used.items())
        return ", ".join([f"latency {outcome.latency_ratio:.3f}x", *used])
    return f"density {outcome.density:.4f}"


def _first_widths(
    session: Session, probe: Probe, sampler: str, kernels: NetModel | None
) -> list[Widths]:
    """What a search begins with.

    Learning samplers begin with the allocation by the curves and with the uniform plan at the
    budget, both of which are hard to beat, and those of densities with global magnitude at the
    budget and at every regime; the knapsack sampler makes its allocations itself. The random and
    uniform samplers are the comparison and stay what they are.
    """
    spec = sampler_spec(sampler)
    if not spec.learns or spec.begins:
        return []
    if session.counted is not None:
        steps = (probe.budget, *regimes(session.config, probe.budget)[:-1])
        return [session.counted.by_magnitude(density) for density in steps]
    problem = search_problem(session, probe, probe.estimator(session, kernels))
    if not spec.informed:
        problem = replace(problem, curves=None)
    first = [] if problem.curves is None else allocations(problem)
    if (uniform := uniform_widths(session, problem)) is not None:
        first.append(fill(problem, uniform))
    return list({problem.key(widths): widths for widths in first}.values())


def uniform_widths(session: Session, problem: SearchProblem) -> Widths | None:
    """The widest plan with one keep ratio for all groups that is expected to fit the budget."""
    for percent in range(100, 0, -1):
        widths = session.space.scaled(percent / 100)
        if problem.fits(widths):
            return widths
    return None
