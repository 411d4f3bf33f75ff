"""Pruning single weights in the words of a search: groups are layers, widths are densities."""

from typing import Any

import numpy as np

from edgeprune.config import PipelineConfig, PruneConfig
from edgeprune.errors import ConfigError
from edgeprune.pipeline.base import JOINT
from edgeprune.pruning import MaskSpace
from edgeprune.pruning.masks import PER_MILLE
from edgeprune.search import SearchProblem, sampler_spec, samplers_of_weights

#: Densities that QLP's curriculum leads over: 50, 80, 90, 95 and 98 % sparsity.
REGIMES = (0.5, 0.2, 0.1, 0.05, 0.02)


def check_granularity(config: PipelineConfig) -> None:
    """Whether the settings fit what is cut; nothing is silently ignored.

    Raises:
        ConfigError: the budget is of the other granularity, or a setting has no meaning for
            single weights.
    """
    weights = config.prune.granularity == "weights"
    if weights and config.budget.sparsity is None:
        msg = (
            f"prune.granularity is weights, but the budget is {config.budget.text} of latency, "
            "which zeros do not lower in a dense runtime; allowed: `budget: {sparsity: 0.9}`, or "
            "prune.granularity channels"
        )
        raise ConfigError(msg)
    if not weights and config.budget.sparsity is not None:
        msg = (
            f"budget.sparsity is {config.budget.sparsity:g}, but prune.granularity is channels; "
            "allowed: budget.latency or budget.latency_ms, or `prune: {granularity: weights}`"
        )
        raise ConfigError(msg)
    if not weights and config.recover.retrain_images:
        msg = (
            f"recover.retrain_images is {config.recover.retrain_images}; with prune.granularity "
            "channels allowed: 0"
        )
        raise ConfigError(msg)
    if weights:
        _check_settings(config)


def sampler_options(config: PipelineConfig) -> dict[str, Any]:
    """The sampler's options; its regimes are those of weights where it has some and none given."""
    options = dict(config.search.options)
    target = target_density(config)
    spec = sampler_spec(config.search.sampler)
    if spec.regimes is not None and options.get("regimes") is None:
        options["regimes"] = [*(one for one in REGIMES if one > target), target]
    return options


def target_density(config: PipelineConfig) -> float:
    """Largest share of the prunable weights that is kept."""
    return round(1 - float(config.budget.sparsity or 0), 9)


def weights_problem(space: MaskSpace, density: float) -> SearchProblem:
    """What a sampler is told: the budget is on the share of weights that is kept.

    Densities in thousandths take the place of widths, so every sampler can search them; those
    that learn from measured latency (`bocr`) learn nothing of use, as it does not change.

    Args:
        space: the model's layers.
        density: largest allowed share of all prunable weights; 0.2 is 80 % sparsity.

    Raises:
        SearchError: the density is not positive.
    """
    sizes = np.array([space.full[name] for name in space.layers], np.float64)
    features = np.column_stack([np.arange(len(sizes)), np.log(sizes), sizes / sizes.sum()])
    return SearchProblem(
        groups=space.layers,
        choices=space.choices,
        features=features,
        feature_names=("index", "log_weights", "share"),
        macs=lambda densities: sum(
            space.full[name] * densities[name] / PER_MILLE for name in space.layers
        ),
        cost=space.density,
        target=density,
        above=space.above,
        complete=space.completed,
        exact=True,
    )


def _check_settings(config: PipelineConfig) -> None:
    search, prune, usual = config.search, config.prune, PruneConfig()
    able = search.sampler != JOINT and sampler_spec(search.sampler).single_weights
    samplers = ", ".join(samplers_of_weights())
    rules = [
        ("search.sampler", search.sampler, able, f"{samplers}, optuna:TPESampler"),
        ("search.reward", search.reward, search.reward not in {"mnas", "amc"}, "accuracy"),
        ("search.precision", search.precision, search.precision == "float32", "float32"),
        ("search.warm_start", search.warm_start, search.warm_start is None, "null"),
        ("prune.importance", prune.importance, prune.importance in {"l1", "obs"}, "leave it out"),
        ("prune.min_keep", prune.min_keep, prune.min_keep == usual.min_keep, "leave it out"),
        ("prune.channel_multiple", "set", prune.channel_multiple is None, "leave it out"),
        ("recover.recalibrate_bn", False, config.recover.recalibrate_bn, "true"),
        ("export.qat_epochs", config.export.qat_epochs, config.export.qat_epochs == 0, "0"),
    ]
    wrong = [
        f"{name} is {value}; with prune.granularity weights allowed: {allowed}"
        for name, value, fits, allowed in rules
        if not fits
    ]
    if wrong:
        raise ConfigError("\n".join(wrong))
