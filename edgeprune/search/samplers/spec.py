"""What is known of a sampler before it is made: what it can do, and how it is made."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from optuna.samplers import BaseSampler

from edgeprune.search.problem import SearchProblem

Options = Mapping[str, Any]
Make = Callable[[SearchProblem, int, int, Options], BaseSampler]


def _anything(options: Options) -> None:
    """Options that only making the sampler can check."""


@dataclass(frozen=True)
class SamplerSpec:
    """What a pipeline asks of a sampler's name.

    Attributes:
        name: as in a pipeline.
        make: of problem, seed, number of trials and options.
        check: refuses options that it does not know or take, with a `SearchError`.
        learns: whether it learns from trials and from earlier searches; one that does not is a
            comparison, and is told nothing.
        informed: whether it is told the sensitivity curves.
        begins: whether it makes its first allocations itself; any other that learns is given some.
        recalls: whether it takes earlier searches in itself, so that `search.warm_start` has
            nothing to add.
        single_weights: whether it searches densities of single weights.
        regimes: of options and target, the budgets that it leads down over, falling, the last one
            the target; None for a sampler that has one budget.
    """

    name: str
    make: Make
    check: Callable[[Options], Any] = field(default=_anything)
    learns: bool = True
    informed: bool = True
    begins: bool = False
    recalls: bool = False
    single_weights: bool = False
    regimes: Callable[[Options, float], tuple[float, ...]] | None = None
