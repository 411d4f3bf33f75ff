"""The base model: load the workload and train it where no weights are given."""

from collections.abc import Callable

from safetensors.torch import load_file, save

from edgeprune.config import PipelineConfig
from edgeprune.config.workload import TrainConfig
from edgeprune.errors import ConfigError
from edgeprune.files import write_atomic
from edgeprune.pipeline.progress import Reporter
from edgeprune.pipeline.run_directory import RunDirectory
from edgeprune.training import fit
from edgeprune.workloads import Workload, load_workload


def base_recipe(config: PipelineConfig) -> TrainConfig:
    """How the base model is trained, where no weights are given.

    Raises:
        ConfigError: nothing says so.
    """
    if (recipe := config.workload.train) is None:
        msg = (
            "workload.model.weights is null and there is no workload.train: "
            "give trained weights, or `train: {epochs: 12}` to train here"
        )
        raise ConfigError(msg)
    return recipe


def open_base(
    config: PipelineConfig,
    directory: RunDirectory,
    reporter: Reporter,
    check: Callable[[Workload], None],
) -> Workload:
    """Load the workload with a trained base model.

    A base model trained here is kept in the run directory and never trained twice. One that is to
    be trained and pruned together is left as it was drawn.

    Args:
        config: the pipeline.
        directory: of the run.
        reporter: tells the user.
        check: looks at the workload before anything is trained.

    Raises:
        ConfigError: neither weights nor a training recipe are given.
        WorkloadError: model, weights or data cannot be used.
        UserError: as `check`.
    """
    workload = load_workload(config.workload)
    check(workload)
    if workload.trained:
        return workload
    weights = directory.contender("base", "safetensors")
    if weights.exists():
        workload.model.load_state_dict(load_file(weights))
        return workload
    if config.jointly:
        return workload
    recipe = base_recipe(config)
    with reporter.task("train base", recipe.epochs) as shown:
        fit(
            workload.model,
            workload.splits.train,
            epochs=recipe.epochs,
            lr=recipe.lr,
            batch_size=recipe.batch_size,
            weight_decay=recipe.weight_decay,
            seed=config.workload.data.seed,
            task=workload.task,
            checkpoint=directory.contender("base", "checkpoint"),
            on_epoch=lambda epoch, loss: shown.advance(note=f"loss {loss:.3f}"),
            mode=config.training_mode,
        )
    workload.model.eval()
    write_atomic(weights, save(workload.model.state_dict()))
    directory.contender("base", "checkpoint").unlink(missing_ok=True)
    return workload
