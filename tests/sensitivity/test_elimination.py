"""Backward elimination against the plain way: solve the least squares anew for every choice."""

import numpy as np
import pytest
import torch

from edgeprune.sensitivity import elimination
from edgeprune.sensitivity.elimination import Reader, eliminate

UNITS, TAPS, OUTPUTS = 5, 3, 4


def reader(seed: int, others: int = 2) -> Reader:
    """Correlated inputs; the columns of a unit are scattered, and some columns are of no unit."""
    generator = torch.Generator().manual_seed(seed)
    count = UNITS * TAPS + others
    mixing = torch.randn(count, count, generator=generator, dtype=torch.float64)
    columns = torch.randperm(count, generator=generator)[: UNITS * TAPS].view(UNITS, TAPS)
    weight = torch.randn(OUTPUTS, count, generator=generator, dtype=torch.float64)
    return Reader(mixing @ mixing.T / count + 0.1 * torch.eye(count), weight, columns)


def error_without(one: Reader, gone: list[int]) -> float:
    """Error of the best weights that leave out the columns of some units."""
    lost = one.columns[gone].flatten()
    kept = torch.tensor([i for i in range(len(one.gram)) if i not in lost.tolist()]).long()
    rows = one.gram[kept]
    fitted = torch.zeros_like(one.weight)
    if len(kept):
        fitted[:, kept] = torch.linalg.solve(rows[:, kept], rows @ one.weight.T).T
    change = one.weight - fitted
    return float(((change @ one.gram) * change).sum())


def plain(readers: list[Reader]) -> tuple[list[int], list[float]]:
    """The order and, by units kept from all to none, the errors."""
    gone: list[int] = []
    errors = [0.0]
    while len(gone) < UNITS:
        costs = {
            unit: sum(error_without(one, [*gone, unit]) for one in readers)
            for unit in range(UNITS)
            if unit not in gone
        }
        gone.append(min(costs, key=costs.__getitem__))
        errors.append(costs[gone[-1]])
    return gone, errors[::-1]


@pytest.mark.parametrize("readers", [1, 2, 3])
@pytest.mark.parametrize("seed", range(4))
def test_it_finds_what_solving_anew_finds(seed: int, readers: int) -> None:
    problems = [reader(10 * seed + number, others=number) for number in range(readers)]
    found = eliminate(problems)
    order, errors = plain(problems)
    assert found.order.tolist() == order
    assert found.errors == pytest.approx(errors, abs=1e-9)


def test_the_last_to_go_matters_most() -> None:
    found = eliminate([reader(0)])
    assert np.argsort(found.scores).tolist() == found.order.tolist()
    assert found.scores.mean() == pytest.approx(1.0)


def test_a_unit_that_another_one_copies_goes_first() -> None:
    inputs = torch.randn(500, 3, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    inputs = torch.cat([inputs, 2 * inputs[:, :1]], 1)
    gram = inputs.T @ inputs / 500 + 1e-6 * torch.eye(4)
    # The copy's weight is the largest: by size alone it would stay.
    weight = torch.tensor([[1.0, 1.0, 1.0, 5.0]], dtype=torch.float64)
    found = eliminate([Reader(gram, weight, torch.arange(4).view(4, 1))])
    assert found.order[0] in (0, 3)
    assert found.errors[3] < 1e-3 < found.errors[2]


def test_several_at_a_step_end_in_the_same_error(monkeypatch: pytest.MonkeyPatch) -> None:
    one = reader(3)
    whole = eliminate([one]).errors
    monkeypatch.setattr(elimination, "MAX_STEPS", 2)
    found = eliminate([one])
    assert sorted(found.order.tolist()) == list(range(UNITS))
    assert (np.diff(found.errors) <= 0).all()
    assert found.errors[0] == pytest.approx(whole[0])
    assert (found.errors >= whole - 1e-9).all()


def test_a_singular_matrix_is_refused() -> None:
    flat = Reader(
        torch.zeros(3, 3, dtype=torch.float64),
        torch.ones(1, 3, dtype=torch.float64),
        torch.arange(3).view(3, 1),
    )
    with pytest.raises(ValueError, match="positive definite"):
        eliminate([flat])
