"""Who races for being the result: the best of the search, and the baselines' own plans."""

from collections.abc import Sequence
from dataclasses import replace
from functools import partial

from edgeprune.devices import Comparison, unsurprised
from edgeprune.errors import MeasurementError
from edgeprune.latency import NetModel
from edgeprune.pipeline.amounts import Allowances
from edgeprune.pipeline.counted import counted_field
from edgeprune.pipeline.field import (
    BASELINES,
    FINALISTS,
    NEAR_MISS,
    Contender,
    Field,
    choose,
    trial_words,
    within,
)
from edgeprune.pipeline.goals import Goal
from edgeprune.pipeline.problems import search_problem
from edgeprune.pipeline.records import Tolerated
from edgeprune.pipeline.session import Session
from edgeprune.pipeline.settling import (
    Settled,
    Settler,
    settle_uniform,
)
from edgeprune.pipeline.unmeasured import needed
from edgeprune.search import SearchResult, SearchTrial, Widths

_CHANNELS = BASELINES["channels"]


def gather(
    session: Session,
    goal: Goal,
    found: SearchResult,
    compared: SearchResult,
    kernels: NetModel | None,
) -> Field:
    """The contenders of one budget; of latency each is measured, and narrowed where it has to be.

    Args:
        session: the open run.
        goal: the budget.
        found: the user's own search.
        compared: random search with as many trials.
        kernels: latency of the model from the target's kernels, where they are known.
    """
    stage = goal.named("contenders")
    field = session.directory.record(stage, Field)
    if field is None:
        if session.counted is None:
            session.reporter.log(f"{stage}: measuring the finalists again")
            field = _measured_field(session, goal, found, compared, kernels)
        else:
            field = Field.of(counted_field(session, session.counted, goal, found, compared))
        field = session.directory.finish(stage, field)
    return field


def _measured_field(
    session: Session,
    goal: Goal,
    found: SearchResult,
    compared: SearchResult,
    kernels: NetModel | None,
) -> Field:
    settler = settler_of(session, goal, (found, compared), kernels)
    uninformed = replace(settler, problem=replace(settler.problem, curves=None))
    with needed(session, f"the baseline {_CHANNELS['uniform']}"):
        fits = settler.problem.fits
        uniform = settle_uniform(session, goal.limit, settler.compare, fits)
        filled = uninformed.settle(uniform.widths, uniform.comparison)
    record = session.directory.record("tolerance", Tolerated)
    allowed = session.config.budget.accuracy_drop
    passed = [] if record is None or allowed is None else tolerated_contenders(record, allowed)
    unmeasured: dict[str, str] = {}
    own = [*finalists(session, settler, found, unmeasured), *passed]
    baselines = [_baseline("filled", filled, "filled"), _baseline("uniform", uniform, "uniform")]
    with needed(session, f"the baseline {_CHANNELS['random']}"):
        baselines.append(_best_random(uninformed, compared))
    return Field.of([*own, *baselines], unmeasured)


def gather_smallest(session: Session, goal: Goal) -> Field:
    """The contenders of a budget that nothing meets: the smallest widths, and uniform ones."""
    stage = goal.named("contenders")
    field = session.directory.record(stage, Field)
    if field is None:
        uniform = settle_uniform(session, goal.limit, session.compare)
        smallest = goal.probed.floors or session.smallest
        everyone = [
            Contender("smallest", "the smallest candidate", smallest, ("random",)),
            _baseline("uniform", uniform, "uniform", "filled"),
        ]
        field = session.directory.finish(stage, Field.of(everyone))
    return field


def settler_of(
    session: Session,
    goal: Goal,
    searches: Sequence[SearchResult],
    kernels: NetModel | None,
) -> Settler:
    """What brings plans to a budget, by an estimator that knows all that was measured."""
    estimator = goal.probed.estimator(session, kernels)
    for found in searches:
        for trial in found.trials:
            one = trial.outcome
            estimator.observe(trial.widths, one.latency_ratio, one.latency_error)
    observe, log = estimator.observe, session.reporter.log

    def compare(widths: Widths) -> Comparison:
        return unsurprised(partial(session.compare, widths), estimator.interval(widths), log)

    if not session.config.budget.amounts:
        problem = search_problem(session, goal.probed, estimator)
        return Settler(problem, compare, observe, goal.limit, log)
    allowances = Allowances(session, estimator)
    for found in searches:
        for trial in found.trials:
            allowances.observe(trial.widths, trial.outcome.amounts)
    problem = search_problem(session, goal.probed, estimator, allowances)
    return Settler(problem, compare, observe, goal.limit, log, allowances.used)


def finalists(
    session: Session, settler: Settler, found: SearchResult, unmeasured: dict[str, str]
) -> list[Contender]:
    """The trials that promise most, by one promise and another, each brought to the budget.

    None is a near copy of another; none at all where nothing of theirs meets the budget.

    Args:
        session: the open run.
        settler: brings them there.
        found: the search.
        unmeasured: gets the reason for each that the device fails to measure, which is left out.
    """
    contenders = []
    chosen = choose(found, settler.limit, session.channels.full, session.worths, near=NEAR_MISS)
    for trial in chosen[:FINALISTS]:
        try:
            settled = settler.settle(trial.widths)
        except MeasurementError as error:  # a baseline's would end the run: it has to be shown
            words = trial_words(session, trial)
            session.reporter.say(f"{words} does not race: {error}")
            unmeasured[words] = str(error)
            continue
        if settled.met:
            words = _words(trial_words(session, trial), trial, settled)
            found_it = Contender(f"search-{trial.number}", words, settled.widths)
            contenders.append(replace(found_it, trial=trial.number, comparison=settled.comparison))
    return contenders


def tolerated_contenders(found: Tolerated, allowed: float) -> list[Contender]:
    """The allocation that was seen to lose no more than it may at the budget; none where none was.

    Args:
        found: what was tried.
        allowed: points of accuracy.
    """
    return [
        Contender("tolerated", f"the allocation at {one.limit:.3g}x", one.widths)
        for one in found.tried
        if one.limit == found.limit and one.lost <= allowed
    ]


def _best_random(settler: Settler, compared: SearchResult) -> Contender:
    best = within(compared, settler.limit, NEAR_MISS)[0]
    settled = settler.settle(best.widths)
    words = _words(f"{_CHANNELS['random']} trial {best.number}", best, settled)
    found = Contender(f"random-{best.number}", words, settled.widths, ("random",))
    return replace(found, trial=best.number, comparison=settled.comparison)


def _baseline(name: str, settled: Settled, *roles: str) -> Contender:
    """A plan of equal ratios; its channels are chosen by L1."""
    found = Contender(name, _CHANNELS[name], settled.widths, roles, "l1")
    return replace(found, comparison=settled.comparison)


def _words(text: str, trial: SearchTrial, settled: Settled) -> str:
    if settled.widths == trial.widths:
        return text
    narrowed = any(settled.widths[group] < width for group, width in trial.widths.items())
    return f"{text}, {'narrowed' if narrowed else 'widened'}"
