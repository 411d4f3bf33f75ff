"""Some hundred broken inputs for each surface: nothing but errors of edgeprune's own."""

from collections.abc import Mapping

import pytest

from tests.called import benchmark
from tests.fuzz.surfaces import SURFACES

CASES = 100


@pytest.fixture(scope="module")
def figures() -> Mapping[str, float]:
    """Of one run over all surfaces, in a process of its own: it forks."""
    found, told = benchmark("fuzz", "--cases", str(CASES), "--seed", "7")
    return found | {"told": told}


@pytest.mark.parametrize("surface", SURFACES)
def test_broken_inputs_are_refused_with_an_error_of_ours(
    surface: str, figures: Mapping[str, float]
) -> None:
    assert figures[f"fuzz_failures_{surface}"] == 0, figures["told"]
    assert figures[f"fuzz_cases_{surface}"] >= CASES
    # Some are harmless, so that what is behind the first check is reached as well.
    assert 0 < figures[f"fuzz_accepted_{surface}"] < CASES
