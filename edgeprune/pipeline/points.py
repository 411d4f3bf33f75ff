"""Other points of a finished run: a trial or another budget, finished without a new search."""

from pathlib import Path

from pydantic import ValidationError

from edgeprune.config import BudgetConfig
from edgeprune.errors import ConfigError, UserError
from edgeprune.latency import NetModel
from edgeprune.pipeline.after import open_finished
from edgeprune.pipeline.field import FINALISTS, Contender, Field, trial_words
from edgeprune.pipeline.finishing import finish
from edgeprune.pipeline.goals import Goal
from edgeprune.pipeline.records import Finished, Manifest
from edgeprune.pipeline.run_directory import RunDirectory
from edgeprune.pipeline.session import Session
from edgeprune.pipeline.stages.contenders import finalists, settler_of, tolerated_contenders
from edgeprune.pipeline.stages.curves import learn_curves
from edgeprune.pipeline.stages.kernels import learn_kernels
from edgeprune.pipeline.stages.ladder import rung, write_rung
from edgeprune.pipeline.stages.probe import probe
from edgeprune.pipeline.stages.race import race
from edgeprune.pipeline.stages.report import write_run_report
from edgeprune.pipeline.stages.scoring import choose_scoring
from edgeprune.pipeline.stages.search import worth_measuring
from edgeprune.pipeline.stages.tolerance import find_tolerated, tolerated_goal
from edgeprune.records import write_record
from edgeprune.report.ladder import Rung
from edgeprune.report.numbers import points_noun
from edgeprune.search import SearchResult, read_trials
from edgeprune.search.allocation import allocations


def finish_point(
    run_dir: str | Path,
    *,
    trial: int | None = None,
    latency: str | None = None,
    accuracy_drop: float | None = None,
    progress: bool = True,
    trust: bool = False,
    history: str | None = None,
) -> Rung:
    """Finish another trial or budget of a finished run; manifest and report show it.

    Exactly one of the three is given. For a budget, the allocations by the run's own curves and
    the best trials of its search are brought to it, and race as the run's contenders did.

    Args:
        run_dir: the run directory.
        trial: number of a trial of the run's own search.
        latency: a budget: ``0.6x``, or ``8 ms``.
        accuracy_drop: the least latency that loses so many points on the reward split at most.
        progress: show progress bars on standard error.
        trust: run what the directory names, though it was not made here.
        history: the run's own address of its history, with the password that a run does not keep.

    Returns:
        The point, with the path of its bundle in the run directory.

    Raises:
        UserError: the run has not finished, there is no such trial, or nothing is so fast.

    Examples:
        >>> finish_point("runs/digits", latency="0.6x").accuracy  # doctest: +SKIP
        0.94
    """
    given = {"trial": trial, "latency": latency, "accuracy_drop": accuracy_drop}
    if sum(value is not None for value in given.values()) != 1:
        msg = f"exactly one of {', '.join(given)} is needed"
        raise ConfigError(msg)
    if accuracy_drop is not None and not 0 < accuracy_drop < 100:
        msg = f"accuracy_drop is {accuracy_drop:g}; allowed: above 0 and below 100"
        raise ConfigError(msg)
    budget = None if latency is None else _budget(latency)
    directory = RunDirectory(run_dir)
    opened = open_finished(directory, progress, trust=trust, history=history)
    with opened as (session, manifest):
        if trial is not None:
            point = _trial(session, trial)
        elif session.counted is not None:
            msg = "single weights have no latency to choose from; allowed: a trial"
            raise UserError(msg)
        else:
            point = _another_budget(session, budget, accuracy_drop)
        before = manifest.ladder or (_own_rung(manifest),)
        others = tuple(one for one in before if one.path != point.path)
        manifest = manifest.model_copy(update={"ladder": _in_order((*others, point))})
        write_record(directory.path / "manifest.json", manifest)
        directory.finish("bundle", manifest)
    write_run_report(directory)
    return point


def _budget(latency: str) -> BudgetConfig:
    """``0.6x`` or ``8 ms``, by the rules of a pipeline file."""
    text = latency.strip().lower()
    try:
        if text.endswith("ms"):
            milliseconds = float(text.removesuffix("ms"))
            return BudgetConfig(latency_ms=milliseconds)
        return BudgetConfig.model_validate({"latency": latency}, context={"written": True})
    except (ValidationError, ValueError) as error:
        msg = f"latency is {latency!r}; allowed: a ratio below 1 such as 0.6x, or 8ms"
        raise ConfigError(msg) from error


def _trial(session: Session, number: int) -> Rung:
    """Finish the very widths of a trial."""
    known = {one.number: one for one in read_trials(session.directory.path / "search")}
    if number not in known:
        msg = f"the search has no trial {number}; allowed: 0 to {max(known, default=0)}"
        raise UserError(msg)
    chosen = known[number]
    name, folder = f"trial-{number}", f"ladder/trial-{number}"
    # It is wanted as it is: nothing is narrowed where its file takes a little longer.
    record = finish(session, name, chosen.widths, 1.0, finalists=(number,))
    record = record.model_copy(update={"found_by": trial_words(session, chosen)})
    regime = f"trial {number}"
    write_rung(session, folder, name, record, {"regime": regime})
    return rung(regime, folder, record)


def _another_budget(
    session: Session, budget: BudgetConfig | None, accuracy_drop: float | None
) -> Rung:
    kernels, probed = learn_kernels(session), probe(session)
    learn_curves(session, lambda: worth_measuring(session, probed, kernels))
    if accuracy_drop is not None:
        stage = f"tolerance-{accuracy_drop:g}"
        found = find_tolerated(session, probed, kernels, accuracy_drop, stage)
        goal = tolerated_goal(probed, found, own=False)
        regime = f"at most {accuracy_drop:g} {points_noun(accuracy_drop / 100)} lost"
        passed = tolerated_contenders(found, accuracy_drop)
    else:
        assert budget is not None
        base_ms = None if probed.base is None else probed.base.level_ms
        limit = budget.ratio(base_ms)
        goal = Goal(budget.text, probed.model_copy(update={"budget": limit}), own=False)
        regime, passed = goal.text, []
    if not goal.probed.smallest <= goal.limit < 1:
        msg = (
            f"{goal.text} is {goal.limit:.3g}x of the base's latency; allowed: below 1x, and from "
            f"{goal.probed.smallest:.3f}x, what the smallest candidate takes"
        )
        raise UserError(msg)
    result = _raced(session, goal, kernels, passed)
    if accuracy_drop is not None and result.reward_accuracy is not None:
        base = session.score(session.workload.model)
        lost = 100 * (base - result.reward_accuracy)
        met = result.met and lost <= accuracy_drop
        result = result.model_copy(update={"lost": lost, "met": met})
    write_rung(session, goal.folder, result.name, result, {"regime": regime})
    return rung(regime, goal.folder, result)


def _raced(
    session: Session, goal: Goal, kernels: NetModel | None, passed: list[Contender]
) -> Finished:
    """The best of what the run knows, brought to the budget and raced."""
    choose_scoring(session, goal, kernels)
    trials = tuple(read_trials(session.directory.path / "search"))
    searched = SearchResult(trials, goal.limit)
    settler = settler_of(session, goal, (searched,), kernels)
    stage = goal.named("contenders")
    field = session.directory.record(stage, Field)
    if field is None:
        own = [*passed]
        for number, widths in enumerate(allocations(settler.problem), 1):
            settled = settler.settle(widths)
            if settled.met:
                words = f"allocation {number}"
                one = Contender(f"allocation-{number}", words, settled.widths)
                own.append(one)
        unmeasured: dict[str, str] = {}
        own += finalists(session, settler, searched, unmeasured)
        field = Field.of(own[: 2 * FINALISTS], unmeasured)
        field = session.directory.finish(stage, field)
    if not field.contenders:
        msg = f"nothing that the run knows was measured to be within {goal.text}"
        raise UserError(msg)
    return race(session, goal, field, settler)["result"]


def _own_rung(manifest: Manifest) -> Rung:
    """The run's own result, with the baselines beside it."""
    return rung(manifest.budget.text, ".", manifest.result, manifest.baselines)


def _in_order(rungs: tuple[Rung, ...]) -> tuple[Rung, ...]:
    """From the slowest to the fastest."""
    return tuple(sorted(rungs, key=lambda one: -one.cost))
