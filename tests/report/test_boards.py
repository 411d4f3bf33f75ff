"""The report's lines for the boards of a pool."""

from typing import Any

import pytest

from edgeprune.report.page import render
from tests.report.sample import summary


def board(name: str, ratio: float | None = None, baseline: float = 2.0, **more: Any) -> Any:
    found: dict[str, Any] = {"name": name, "measured": 40, "errors": 0, **more}
    if ratio is not None:
        measured = {"latency_ms": ratio * baseline, "baseline_ms": baseline}
        found |= {"ratio": ratio, "ratio_interval": (ratio * 0.99, ratio * 1.01), **measured}
    return found


@pytest.mark.parametrize(
    ("boards", "said"),
    [
        (
            [board("a", 0.49), board("b", 0.5, 2.2)],
            "measured on 2 boards, each beside the base model on itself. The base model takes "
            "10.0% longer on the slowest board than on the fastest; the ratios lie within 2.0% of "
            "each other.",
        ),
        (
            [board("a", 0.49), board("b", errors=3, last_error="it <i>is</i> hot")],
            "measured on 1 of 2 boards, each beside the base model on itself. The others were away",
        ),
    ],
)
def test_the_spread_is_told(boards: list[Any], said: str) -> None:
    page = render(summary(boards=boards))
    assert "Board by board" in page and said in page
    assert "<i>is</i>" not in page


def test_without_a_pool_there_is_no_such_section() -> None:
    assert "Board by board" not in render(summary())
