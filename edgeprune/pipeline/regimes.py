"""The budgets that a search leads down over on its way to the run's own, and how it is told."""

from typing import Any

from edgeprune.config import PipelineConfig
from edgeprune.search import sampler_spec

#: Densities that QLP's curriculum leads over: 50, 80, 90, 95 and 98 % sparsity.
DENSITIES = (0.5, 0.2, 0.1, 0.05, 0.02)


def sampler_options(config: PipelineConfig) -> dict[str, Any]:
    """The sampler's options; its regimes are those of weights where it has some and none given."""
    options = dict(config.search.options)
    if config.prune.granularity == "weights":
        target, spec = config.budget.ratio(), sampler_spec(config.search.sampler)
        if spec.regimes is not None and options.get("regimes") is None:
            options["regimes"] = [*(one for one in DENSITIES if one > target), target]
    return options


def regimes(config: PipelineConfig, target: float) -> tuple[float, ...]:
    """The costs that a search leads down over; the last is the budget.

    Args:
        config: the pipeline.
        target: the budget, as a ratio to the base model.

    Returns:
        Nothing where there is no ladder.

    Raises:
        SearchError: an option is wrong.
    """
    led = sampler_spec(config.search.sampler).regimes
    found = () if led is None else led(sampler_options(config), target)
    return found if len(found) > 1 else ()
