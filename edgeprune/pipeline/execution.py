"""Where a run's candidates are scored: in its own process, or by workers of a Ray cluster."""

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from typing import TYPE_CHECKING

from edgeprune.execution import Crew, open_cluster
from edgeprune.pipeline.desk import Desk
from edgeprune.search import SamplerSpec

if TYPE_CHECKING:
    from edgeprune.pipeline.session import Session


@contextmanager
def open_crew(session: "Session") -> Iterator[Crew | None]:
    """The workers that a pipeline asks for; None with engine local.

    Args:
        session: the open run; workers get a copy of its model and data.

    Raises:
        ExecutionError: Ray is not installed, does not answer, or has no place for them.
    """
    settings, say = session.config.execution, session.reporter.say
    if settings.engine == "local":
        yield None
        return
    size, gpus = settings.accuracy_workers, settings.gpus_per_worker
    with ExitStack() as stack:
        cluster = stack.enter_context(open_cluster(settings.address, size))
        cluster.check(size, gpus)
        desk = Desk.of(session)
        crew = Crew(cluster, desk, size, gpus=gpus, note=say, turn=session.turns.working)
        stack.enter_context(crew)
        beside = sum(member.beside for member in crew.members)
        where = f", {beside} of them on this machine" if beside else ""
        say(f"{size} accuracy workers in {cluster.where}{where}")
        if beside and not session.target.remote:
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
        wanted = 1 if local else settings.accuracy_workers + session.boards
    if wanted > 1 and spec.several is None:
        session.reporter.say(
            f"sampler {spec.name} needs each answer for its next proposal: one is under evaluation "
            "at a time (execution.outstanding)"
        )
        return 1
    return wanted
