from collections.abc import Sequence

import numpy as np

from edgeprune.pruning.soundness import TOGETHER, culprits, difference


def test_every_culprit_is_found_and_no_one_else() -> None:
    names = [f"group{index}" for index in range(9)]
    bad = {"group0": "why 0", "group5": "why 5", "group8": "why 8"}

    def problem(part: Sequence[str]) -> str | None:
        return next((bad[name] for name in part if name in bad), None)

    assert culprits(names, problem) == bad


def test_groups_that_only_fail_together_lose_one_of_them() -> None:
    def problem(part: Sequence[str]) -> str | None:
        return "both" if {"a", "d"} <= set(part) else None

    assert culprits(["a", "b", "c", "d"], problem) == {"d": TOGETHER}


def test_nothing_wrong_finds_no_one() -> None:
    assert culprits(["a", "b"], lambda part: None) == {}
    assert culprits([], lambda part: None) == {}


def test_differences_are_relative_to_the_largest_output() -> None:
    expected = np.array([[100.0, 0.0]], np.float32)
    assert difference(expected + np.float32(0.01), expected) < 1.1e-4
    assert difference(np.full((1, 2), np.nan, np.float32), expected) == float("inf")
    assert difference(expected[:, :1], expected) == float("inf")
