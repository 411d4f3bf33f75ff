"""Budgets beside latency, as they are written."""

from typing import Any

import pytest
from pydantic import ValidationError

from edgeprune.config import BudgetConfig
from edgeprune.config.amounts import read_amount, shown_amount


@pytest.mark.parametrize(
    ("name", "text", "value"),
    [
        ("size", "500kB", 500e3),
        ("size", "2 MiB", 2 * 2**20),
        ("peak_memory", "1.5MB", 1.5e6),
        ("macs", "300M", 300e6),
        ("macs", 41_000_000, 41e6),
        ("energy", "20mJ", 0.02),
    ],
)
def test_amounts_are_read(name: Any, text: Any, value: float) -> None:
    found = read_amount(name, text)
    assert found.value == pytest.approx(value) and not found.relative
    assert found.of(1e12) == pytest.approx(value)


def test_a_share_is_of_the_base() -> None:
    assert read_amount("size", " 0.5X ").of(3000.0) == 1500.0


@pytest.mark.parametrize(
    ("name", "value", "said"),
    [
        ("size", "500kb", "unknown unit 'kb'.*did you mean 'kB'"),
        ("energy", "20mj", "unknown unit 'mj'.*did you mean 'mJ'"),
        ("peak_memory", "3 parsec", "unknown unit 'parsec'; allowed: B, kB"),
        ("size", "500", "a unit is missing; allowed: B, kB"),
        ("size", 0.5, "did you mean 0.5x"),
        ("size", "1.5x", "above 0x and below 1x"),
        ("size", "0kB", "above 0"),
        ("macs", "many", "must be a number such as 300M"),
        ("macs", True, "must be a number such as 300M"),
        ("macs", -3, "must be a number such as 300M"),
    ],
)
def test_nonsense_is_refused_with_the_nearest(name: str, value: Any, said: str) -> None:
    with pytest.raises(ValidationError, match=said):
        BudgetConfig.model_validate({name: value}, context={"written": True})


def test_any_combination_is_a_budget() -> None:
    written = {"latency": "0.5x", "size": "500kB", "macs": 300_000_000, "energy": "0.5x"}
    budget = BudgetConfig.model_validate(written, context={"written": True})
    assert budget.text == "0.5x, size 500kB, MACs 300000000, energy 0.5x"
    assert set(budget.amounts) == {"size", "macs", "energy"}
    again = BudgetConfig.model_validate(budget.model_dump(mode="json"), context={"written": True})
    assert again == budget


def test_without_latency_the_base_models_is_allowed() -> None:
    budget = BudgetConfig.model_validate({"peak_memory": "0.5x"})
    assert budget.ratio() == 1.0 and not budget.seeks
    assert budget.text == "peak memory 0.5x" and budget.latency_text == ""


def test_sparsity_stands_alone() -> None:
    with pytest.raises(ValidationError, match="sparsity stands alone"):
        BudgetConfig.model_validate({"sparsity": 0.9, "size": "0.5x"})


def test_amounts_are_shown_with_a_fitting_unit() -> None:
    assert shown_amount("size", 512_300) == "512.3 kB"
    assert shown_amount("macs", 41_200_000) == "41.2 M"
    assert shown_amount("energy", 0.0031) == "3.1 mJ"
    assert shown_amount("energy", 2e-7) == "0.2 uJ"
