"""Searches with several proposals under evaluation at once."""

import itertools
import random
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import pytest

from edgeprune.errors import MeasurementError, SearchError, TargetError
from edgeprune.search import (
    Outcome,
    SearchResult,
    SearchTrial,
    Widths,
    make_sampler,
    read_entries,
    run_search,
    sampler_spec,
)
from edgeprune.search.samplers.amc.best import Best
from edgeprune.testing.samplers import Scrambled, SmallNet, accuracy_reward

NET = SmallNet(noise=0.01, curves=True)


def _run(
    directory: Path, trials: int = 12, *, sampler: str = "knapsack", **how: object
) -> SearchResult:
    problem = NET.problem()
    made = make_sampler(sampler, problem, 0, 12, {})
    evaluate = how.pop("evaluate", NET.evaluate)
    return run_search(
        problem, made, evaluate, accuracy_reward, trials=trials, directory=directory, **how
    )  # type: ignore[arg-type]


def _keys(result: SearchResult) -> list[tuple[int, ...]]:
    return [tuple(one.widths.values()) for one in (*result.trials, *result.set_aside)]


def test_so_many_are_evaluated_at_once_and_no_more(tmp_path: Path) -> None:
    lock, together, now, most = threading.Lock(), threading.Event(), 0, 0

    def evaluate(widths: Widths) -> Outcome:
        nonlocal now, most
        with lock:
            now += 1
            most = max(most, now)
            if now == 5:
                together.set()
        assert together.wait(60)  # the first five, each for the others
        with lock:
            now -= 1
        return NET.evaluate(widths)

    found = _run(tmp_path, evaluate=evaluate, outstanding=5)
    assert most == 5 and len(set(_keys(found))) == 12
    assert [one.number for one in found.trials] == list(range(12))


def test_one_at_a_time_is_what_it_was(tmp_path: Path) -> None:
    threads = set()

    def evaluate(widths: Widths) -> Outcome:
        threads.add(threading.current_thread())
        return NET.evaluate(widths)

    _run(tmp_path, evaluate=evaluate)
    assert threads == {threading.main_thread()}
    assert "proposal" not in (tmp_path / "journal.log").read_text()


def test_the_journal_keeps_which_proposal_each_answer_is_of(tmp_path: Path) -> None:
    found = _run(tmp_path, evaluate=Scrambled(NET.evaluate, 4, 12), outstanding=4)
    order = [
        place if one.proposal is None else one.proposal for place, one in enumerate(found.trials)
    ]
    assert sorted(order) == list(range(12)) != order
    assert read_entries(tmp_path) == list(found.trials)


@pytest.mark.parametrize(("first", "then"), [(4, 1), (1, 4), (4, 8), (8, 3)])
def test_a_resume_may_have_another_number_of_them(first: int, then: int, tmp_path: Path) -> None:
    begun = _run(tmp_path, 7, evaluate=Scrambled(NET.evaluate, first, 7), outstanding=first)
    evaluated: list[Widths] = []

    def evaluate(widths: Widths) -> Outcome:
        evaluated.append(widths)
        return NET.evaluate(widths)

    found = _run(tmp_path, evaluate=evaluate, outstanding=then)
    assert found.trials[:7] == begun.trials
    assert len(set(_keys(found))) == 12 and len(evaluated) == 5


def test_what_was_open_when_a_search_ended_is_evaluated_anew(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """Without its snapshot, so that all is proposed once more: as the journal says it was."""
    with pytest.raises(KeyboardInterrupt):
        _run(tmp_path, evaluate=Scrambled(NET.evaluate, 4, 12, killed_after=7), outstanding=4)
    (tmp_path / "sampler.pt").unlink()
    seen: list[SearchTrial] = []
    found = _run(
        tmp_path,
        evaluate=Scrambled(NET.evaluate, 4, 12, began=7),
        outstanding=4,
        on_trial=seen.append,
    )
    assert len(found.trials) == len(seen) == 12 == len(set(_keys(found)))
    assert "proposed differently" not in caplog.text


def test_failed_measurements_count_for_nothing(tmp_path: Path) -> None:
    count, lock = itertools.count(), threading.Lock()

    def evaluate(widths: Widths) -> Outcome:
        with lock:
            place = next(count)
        if place % 4 == 1:
            msg = "the device was lost"
            raise MeasurementError(msg)
        return NET.evaluate(widths)

    found = _run(tmp_path, evaluate=evaluate, outstanding=4)
    assert len(found.trials) == 12 and len(found.set_aside) >= 3
    assert len(set(_keys(found))) == len(_keys(found))
    assert _run(tmp_path, evaluate=pytest.fail, outstanding=4) == found


def test_other_errors_end_the_search_and_nothing_that_was_answered_is_lost(tmp_path: Path) -> None:
    answered = Scrambled(NET.evaluate, 4, 12)
    count = itertools.count()

    def evaluate(widths: Widths) -> Outcome:
        outcome = answered(widths)
        if next(count) == 5:
            msg = "another machine"
            raise TargetError(msg)
        return outcome

    with pytest.raises(TargetError, match="another machine"):
        _run(tmp_path, evaluate=evaluate, outstanding=4)
    assert len(read_entries(tmp_path)) == 5
    assert len(_run(tmp_path, outstanding=4).trials) == 12


def test_a_small_space_ends_the_search(tmp_path: Path) -> None:
    tiny = SmallNet(channels=(2, 2), sensitivity=(1.0, 0.5), target=0.9)
    problem = tiny.problem()
    made = make_sampler("random", problem, 0, 30, {})
    found = run_search(
        *(problem, made, tiny.evaluate, accuracy_reward),
        trials=30,
        directory=tmp_path,
        outstanding=4,
    )
    assert len(set(_keys(found))) == len(found.trials) == 4


def test_proposing_and_learning_are_done_alone(tmp_path: Path) -> None:
    lock, inside = threading.Lock(), list[str]()

    @contextmanager
    def alone() -> Iterator[None]:
        with lock:
            inside.append("in")
            yield

    def evaluate(widths: Widths) -> Outcome:
        with lock:
            return NET.evaluate(widths)

    found = _run(
        tmp_path, evaluate=evaluate, outstanding=4, alone=alone, note=lambda widths: {"noted": 1}
    )
    assert len(inside) >= 24
    assert all(one.outcome.details["noted"] == 1 for one in found.trials)


def test_none_outstanding_is_refused(tmp_path: Path) -> None:
    with pytest.raises(SearchError, match="at least one outstanding proposal, got 0"):
        _run(tmp_path, outstanding=0)


def test_tpe_takes_what_runs_for_bad() -> None:
    several = sampler_spec("optuna:TPESampler").several
    assert several is not None and several({"multivariate": True}) == {
        "multivariate": True,
        "constant_liar": True,
    }
    assert several({"constant_liar": False}) == {"constant_liar": False}
    other = sampler_spec("optuna:RandomSampler").several
    assert other is not None and other({}) == {}


def test_the_allocation_is_corrected_by_what_was_measured(tmp_path: Path) -> None:
    """The first answers change the cost: what is proposed after them uses the budget up."""
    problem = NET.problem()
    off = {"factor": 1.3}

    def observe(widths: Widths, outcome: Outcome) -> None:
        off["factor"] = 1.0

    problem = replace(
        problem, cost=lambda widths: off["factor"] * NET.latency_ratio(widths), observe=observe
    )
    made = make_sampler("knapsack", problem, 0, 20, {})
    found = run_search(
        *(problem, made, NET.evaluate, accuracy_reward),
        trials=20,
        directory=tmp_path,
        outstanding=6,
    )
    last = [one.outcome.latency_ratio for one in found.trials[12:]]
    assert max(last) == pytest.approx(NET.target, abs=0.02)


def test_the_best_of_many_are_those_of_sorting_them_all() -> None:
    draw = random.Random(0)
    keys = [(draw.random() < 0.5, draw.randrange(20)) for _ in range(300)]
    best = Best(7)
    for place, key in enumerate(keys):
        best.add(key, place)
        order = sorted(range(place + 1), key=lambda one: keys[one], reverse=True)
        assert best.places == order[:7]
