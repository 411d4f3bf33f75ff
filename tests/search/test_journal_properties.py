"""Whatever trials are written, the same are read, also after a kill in the middle of a line."""

import math
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from edgeprune.search import Outcome, SearchProblem, SearchTrial, read_trials
from edgeprune.search.distributions import distributions
from edgeprune.search.journal import Journal
from tests.search.drawn_problems import problems, widths_of

#: Each trial is synced to the disk: few are enough.
FEW = settings(max_examples=20)
NUMBERS = st.floats(allow_nan=False, allow_infinity=False)
TEXTS = st.text(st.characters(codec="utf-8"), max_size=8)
PLAIN = st.recursive(
    st.none() | st.booleans() | st.integers() | NUMBERS | TEXTS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(TEXTS, inner, max_size=3),
    max_leaves=5,
)
OUTCOMES = st.builds(
    Outcome,
    accuracy=st.floats(0, 1),
    latency_ms=NUMBERS,
    latency_ratio=NUMBERS,
    macs=st.integers(0, 10**13),
    parameters=st.integers(0, 10**10),
    bytes=st.integers(0, 10**11),
    details=st.dictionaries(TEXTS, PLAIN, max_size=3),
)


@st.composite
def searches(draw: st.DrawFn) -> tuple[SearchProblem, list[SearchTrial]]:
    """A problem and a few finished trials."""
    problem = draw(problems())
    count = draw(st.integers(1, 4))
    seconds = st.dictionaries(TEXTS, st.floats(0, 1e4), max_size=2)
    found = [
        SearchTrial(number, draw(widths_of(problem)), draw(OUTCOMES), draw(NUMBERS), draw(seconds))
        for number in range(count)
    ]
    return problem, found


@contextmanager
def _written(problem: SearchProblem, trials: list[SearchTrial]) -> Iterator[Path]:
    """A folder with the journal of these trials."""
    with TemporaryDirectory() as folder:
        journal = Journal(Path(folder))
        for trial in trials:
            journal.append(trial, distributions(problem))
        yield Path(folder)


def _plain(trials: list[SearchTrial]) -> list[dict[str, Any]]:
    """As dicts, which a failing test shows better."""
    return [vars(trial) | {"outcome": trial.outcome.to_json()} for trial in trials]


@FEW
@given(searches())
def test_the_trials_written_are_the_trials_read(
    search: tuple[SearchProblem, list[SearchTrial]],
) -> None:
    problem, trials = search
    with _written(problem, trials) as folder:
        assert _plain(read_trials(folder)) == _plain(trials)
        assert _plain(Journal(folder).trials()) == _plain(trials)
        assert all(
            math.copysign(1, one.reward) == math.copysign(1, other.reward)
            for one, other in zip(read_trials(folder), trials, strict=True)
        )


@FEW
@given(searches(), st.floats(0, 1), st.sampled_from((None, None, -1, 0, 1)), st.booleans())
def test_a_torn_line_costs_its_own_trial_and_no_other(
    search: tuple[SearchProblem, list[SearchTrial]],
    share: float,
    beside_end: int | None,
    blank: bool,
) -> None:
    problem, trials = search
    with _written(problem, trials) as folder:
        path = folder / "journal.log"
        content = path.read_bytes()
        ends = [place + 1 for place, byte in enumerate(content) if byte == ord("\n")]
        cut = round(share * len(content))
        if beside_end is not None:  # Just before, at or after the end of a line.
            near = min(ends, key=lambda end: abs(end - cut))
            cut = min(near + beside_end, len(content))
        # A killed process leaves half a line; a power cut may leave one in length alone.
        tail = b"\0" * (next(end for end in ends if end >= cut) - 1 - cut) + b"\n"
        torn = blank and cut not in (0, *ends)
        path.write_bytes(content[:cut] + (tail if torn else b""))
        # The study itself is what the journal begins with.
        begun = len(ends) - len(trials)
        whole = trials[: max(sum(end <= cut for end in ends) - begun, 0)]
        if not torn:
            assert _plain(read_trials(folder)) == _plain(whole)

        journal = Journal(folder)
        assert _plain(journal.trials()) == _plain(whole)
        for trial in trials[len(whole) :]:
            journal.append(trial, distributions(problem))
        assert _plain(read_trials(folder)) == _plain(trials)
        assert _plain(Journal(folder).trials()) == _plain(trials)
