"""What the page says of earlier searches."""

from dataclasses import replace

from edgeprune.report import Past
from edgeprune.report.past import past_sentences

FULL = Past(
    sources=("one", "two"),
    source_trials=160,
    trials=80,
    reused=3,
    predicted=70,
    trusted=1,
    error=0.0123,
    rank=0.876,
)


def test_each_contribution_gets_its_sentence() -> None:
    learned, aside, reused, predicted = past_sentences(FULL)
    assert "2 earlier searches, 160 trials" in learned
    assert aside.startswith("1 of 2 was left aside")
    assert reused.startswith("3 of 80 latencies were known")
    assert "70 trials with a mean error of 0.0123, rank correlation 0.88" in predicted


def test_what_contributed_nothing_is_not_spoken_of() -> None:
    nothing = Past(sources=(), source_trials=0, trials=80, reused=0, predicted=0)
    assert past_sentences(None) == [] == past_sentences(nothing)


def test_sources_that_nobody_judges_are_not_called_dropped() -> None:
    for trusted in (None, 2):
        said = " ".join(past_sentences(replace(FULL, trusted=trusted)))
        assert "left aside" not in said
