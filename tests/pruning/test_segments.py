import pytest

from edgeprune.pruning.rules.reshaping import segments


@pytest.mark.parametrize(
    ("before", "after", "expected"),
    [
        ((1, 8, 4, 4), (1, 128), [([0], [0]), ([1, 2, 3], [1])]),
        ((1, 8, 1, 1), (1, 8), [([0], [0]), ([1], [1]), ([2], []), ([3], [])]),
        ((1, 6, 4), (1, 2, 3, 4), [([0], [0]), ([1], [1, 2]), ([2], [3])]),
        ((1, 2, 3, 4), (1, 6, 4), [([0], [0]), ([1, 2], [1]), ([3], [2])]),
        ((4, 6), (6, 4), [([0, 1], [0, 1])]),
        ((5,), (1, 1, 5), [([0], [0, 1, 2])]),
    ],
)
def test_runs_of_axes_that_hold_the_same_numbers(
    before: tuple[int, ...], after: tuple[int, ...], expected: list[tuple[list[int], list[int]]]
) -> None:
    assert list(segments(before, after)) == expected
