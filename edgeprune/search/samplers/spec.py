"""What is known of a sampler before it is made: what it can do, and how it is made."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from importlib import import_module
from typing import Any

from optuna.samplers import BaseSampler

from edgeprune.errors import SearchError
from edgeprune.search.problem import SearchProblem
from edgeprune.search.samplers.checked_options import CheckedOptions

Options = Mapping[str, Any]
Make = Callable[[SearchProblem, int, int, Options], BaseSampler]


def _anything(options: Options) -> None:
    """Options that only making the sampler can check."""


def _as_given(options: Options) -> Options:
    """These options."""
    return options


@dataclass(frozen=True)
class SamplerSpec:
    """What a pipeline asks of a sampler's name.

    A package that brings a sampler of its own gives one of these as an entry point of the group
    ``edgeprune.samplers``.

    Attributes:
        name: as in a pipeline.
        make: of problem, seed, number of trials and options.
        about: what it does, in one sentence, and the paper that it comes from.
        when: one should take it.
        check: refuses options that it does not know or take, with a `SearchError`.
        learns: whether it learns from trials and from earlier searches; one that does not is a
            comparison, and is told nothing.
        informed: whether it is told the sensitivity curves.
        begins: whether it makes its first allocations itself; any other that learns is given some.
        recalls: whether it takes earlier searches in itself, so that `search.warm_start` has
            nothing to add.
        single_weights: whether it searches densities of single weights.
        several: of options, those with which several of its proposals may be under evaluation at
            once; None for a sampler whose next proposal needs the answer to the one before.
        regimes: of options and target, the budgets that it leads down over, falling, the last one
            the target; None for a sampler that has one budget.
    """

    name: str
    make: Make
    about: str = ""
    when: str = ""
    check: Callable[[Options], Any] = _anything
    learns: bool = True
    informed: bool = True
    begins: bool = False
    recalls: bool = False
    single_weights: bool = False
    several: Callable[[Options], Options] | None = _as_given
    regimes: Callable[[Options, float], tuple[float, ...]] | None = None


def later(module: str, name: str, options: type[CheckedOptions]) -> Make:
    """Makes a sampler whose module is imported when the first one is made.

    Learning samplers import torch and more, which takes seconds; a typo is told before that.

    Args:
        module: of the sampler.
        name: of the class: of a problem, a seed, the number of trials and options.
        options: what reads them.
    """

    def make(problem: SearchProblem, seed: int, trials: int, given: Options) -> BaseSampler:
        sampler: Callable[..., BaseSampler] = getattr(import_module(module), name)
        return sampler(problem, seed, trials, options.from_mapping(given))

    return make


def no_options(name: str) -> Callable[[Options], None]:
    """Refuses any option of the sampler of this name."""

    def check(options: Options) -> None:
        if options:
            msg = f"sampler {name!r} takes no options, got {', '.join(map(repr, options))}"
            raise SearchError(msg)

    return check
