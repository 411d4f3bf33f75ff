import pytest

from edgeprune.report import numbers


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (0, "0"),
        (1210.4, "1,210"),
        (99.96, "100"),
        (12.06, "12.1"),
        (1.2, "1.20"),
        (0.9996, "1.00"),
        (0.59, "0.590"),
        (0.004, "0.0040"),
        (0.00000123, "0.0000012"),
    ],
)
def test_three_digits(value: float, text: str) -> None:
    assert numbers.three_digits(value) == text


@pytest.mark.parametrize(
    ("before", "after", "texts"),
    [
        (1.21, 0.59, ("1.21", "0.59")),
        (34.69, 5.92, ("34.7", "5.9")),
        (1210, 9.6, ("1,210.0", "9.6")),
        (0.59, 1.21, ("0.59", "1.21")),
    ],
)
def test_pairs_have_equally_many_decimals(
    before: float, after: float, texts: tuple[str, str]
) -> None:
    assert numbers.alike(before, after) == texts


@pytest.mark.parametrize(
    ("value", "text"),
    [(0.98, "98.0%"), (1, "100%"), (0, "0%"), (0.99996, "99.996%"), (0.0003, "0.03%")],
)
def test_percent_rounds_to_the_whole_only_where_it_is(value: float, text: str) -> None:
    assert numbers.percent(value) == text


@pytest.mark.parametrize(
    ("difference", "text", "noun"),
    [
        (-0.003, "\N{MINUS SIGN}0.3", "points"),
        (0.01, "+1.0", "point"),
        (-0.0004, "±0.0", "points"),
    ],
)
def test_points(difference: float, text: str, noun: str) -> None:
    assert (numbers.points(difference), numbers.points_noun(difference)) == (text, noun)


def test_counts_sizes_and_seconds() -> None:
    assert numbers.count(40_813_184) == "40.8 M"
    assert numbers.count(512) == "512"
    assert numbers.size(460_000) == "460 kB"
    assert numbers.size(512) == "512 B"
    assert [numbers.seconds(value) for value in (0.012, 1.5, 90)] == [
        "12.0 ms",
        "1.50 s",
        "1.50 min",
    ]


def test_small_ratios_keep_two_digits() -> None:
    assert (numbers.ratio(0.4876), numbers.ratio(0.0123)) == ("0.49x", "0.012x")
