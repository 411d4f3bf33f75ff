"""Whether a pipeline's settings fit what is cut."""

from edgeprune.config import PipelineConfig, PruneConfig
from edgeprune.errors import ConfigError
from edgeprune.search import sampler_spec, samplers_of_weights
from edgeprune.training import mode_named


def check_settings(config: PipelineConfig) -> None:
    """Whether a run can do what its settings ask for; said before minutes of other work.

    Raises:
        UserError: the budget is of the other granularity, a setting has no meaning there, or
            this machine has not what weights are to be trained on.
    """
    if config.training_mode is not None:
        mode_named(config.training_mode)
    if config.jointly and config.workload.task != "classification":
        msg = (
            f"workload.train.mode is joint, but workload.task is {config.workload.task}; allowed "
            "there: classification"
        )
        raise ConfigError(msg)
    check_granularity(config)


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
    if weights:
        _check_settings(config)


def _check_settings(config: PipelineConfig) -> None:
    search, prune, usual = config.search, config.prune, PruneConfig()
    able = sampler_spec(search.sampler).single_weights
    samplers = ", ".join(samplers_of_weights())
    rules = [
        ("search.sampler", search.sampler, able, f"{samplers}, optuna:TPESampler"),
        ("workload.train.mode", config.finder, not config.jointly, "base"),
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
