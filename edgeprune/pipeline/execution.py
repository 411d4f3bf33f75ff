"""Where a run's candidates are scored: in its own process, or by workers of a Ray cluster."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from edgeprune.config import PipelineConfig
from edgeprune.errors import ConfigError
from edgeprune.execution import Cluster, Crew, open_cluster
from edgeprune.pipeline.desk import Desk
from edgeprune.search import SamplerSpec

if TYPE_CHECKING:
    from edgeprune.pipeline.session import Session


@contextmanager
def reach_cluster(config: PipelineConfig) -> Iterator[Cluster | None]:
    """The cluster that a pipeline asks for, before anything is computed; None with engine local.

    Args:
        config: the pipeline.

    Raises:
        ConfigError: workers cannot score what it searches.
        ExecutionError: Ray is not installed, does not answer, or has no place for the workers.
    """
    settings = config.execution
    if settings.engine == "local":
        yield None
        return
    if config.search.precision != "float32":
        msg = (
            f"execution.engine ray scores float32 candidates, and search.precision is "
            f"{config.search.precision}; allowed: engine: local, or search.precision: float32"
        )
        raise ConfigError(msg)
    workers, cpus = settings.accuracy_workers, settings.cpus_per_worker
    with open_cluster(settings.address, workers * cpus) as cluster:
        cluster.check(workers, cpus, settings.gpus_per_worker)
        yield cluster


@contextmanager
def hire_crew(session: "Session", cluster: Cluster | None) -> Iterator[Crew | None]:
    """Workers that hold a run's model and data; None without a cluster.

    Args:
        session: the open run.
        cluster: where they work.

    Raises:
        ExecutionError: they have another edgeprune, or model or data cannot be sent.
    """
    if cluster is None:
        yield None
        return
    settings, say = session.config.execution, session.reporter.say
    size = settings.accuracy_workers
    with Crew(
        cluster,
        Desk.of(session),
        size,
        cpus=settings.cpus_per_worker,
        gpus=settings.gpus_per_worker,
        hung_after_s=settings.hung_after_s,
        note=say,
        turn=session.turns.working,
    ) as crew:
        beside = sum(member.beside for member in crew.members)
        where = f", {beside} of them on this machine" if beside else ""
        say(f"{size} accuracy workers in {cluster.where}{where}")
        if beside and not session.remote:
            say(
                f"target {session.target.name!r} is this machine: latency is measured while the "
                "workers on it wait"
            )
        yield crew


def outstanding_proposals(session: "Session", spec: SamplerSpec) -> int:
    """How many proposals of a sampler are under evaluation at once.

    Args:
        session: the open run.
        spec: of the sampler.
    """
    settings = session.config.execution
    wanted = settings.outstanding
    if wanted is None:
        local = settings.engine == "local"
        wanted = 1 if local else settings.accuracy_workers + session.devices
    if wanted > 1 and spec.several is None:
        session.reporter.say(
            f"sampler {spec.name} needs each answer for its next proposal: one is under evaluation "
            "at a time (execution.outstanding)"
        )
        return 1
    return wanted
