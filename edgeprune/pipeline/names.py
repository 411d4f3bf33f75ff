"""Names in a pipeline file that other rooms know: looked up when the file is read."""

from collections.abc import Iterator

from edgeprune.config import PipelineConfig
from edgeprune.config.problem import KeyPath
from edgeprune.errors import SearchError, WorkloadError
from edgeprune.search import make_reward, sampler_spec


def unknown_names(config: PipelineConfig) -> Iterator[tuple[KeyPath, str]]:
    """What is wrong with the task, the sampler, its options and the reward.

    Nothing is trained before.

    Args:
        config: of the right form.

    Yields:
        Where the setting stands, and what is wrong with it.
    """
    search, workload = config.search, config.workload
    if workload.task != "classification" or workload.metrics or workload.task_args:
        from edgeprune.tasks import make_task  # with torch, which others need not wait for

        try:
            make_task(workload.task, workload.metrics, workload.task_args)
        except WorkloadError as error:
            keys = ("metrics", "task_args")
            key = next((one for one in keys if f"workload.{one}" in str(error)), "task")
            yield ("workload", key), str(error)
    try:
        make_reward(search.reward, target=1.0)
    except SearchError as error:
        yield ("search", "reward"), str(error)
    try:
        spec = sampler_spec(search.sampler)
    except SearchError as error:
        yield ("search", "sampler"), str(error)
        return
    try:
        spec.check(search.options)
    except SearchError as error:
        yield ("search", "options"), str(error)
