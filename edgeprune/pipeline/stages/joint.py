"""Training and pruning together, in place of a trained base model and a search."""

import math
from collections.abc import Callable

from safetensors.torch import save
from torch import nn

from edgeprune.config import JointConfig
from edgeprune.files import write_atomic
from edgeprune.joint import (
    Alignment,
    JointEpoch,
    JointResult,
    JointSchedule,
    Rounds,
    Scorer,
    train_jointly,
)
from edgeprune.pipeline.problems import search_problem
from edgeprune.pipeline.session import Session
from edgeprune.pipeline.stages.probe import probe
from edgeprune.pipeline.stages.search import uniform_widths

#: Told of an epoch and of the network after it.
OnEpoch = Callable[[JointEpoch, nn.Module], None]


def train_together(session: Session, on_epoch: OnEpoch = lambda epoch, model: None) -> Session:
    """Train and prune from random weights, unless it is done or not asked for.

    The weights end up where a trained base model is kept, the structure in the record ``joint``.

    Args:
        session: the open run.
        on_epoch: told of every epoch, with the network as it is then.

    Returns:
        The session of the trained model; the device stays open.

    Raises:
        UserError: the loss is not finite any more.
    """
    if not session.config.jointly or session.directory.done("joint"):
        return session
    result = _train(session, on_epoch)
    model = session.workload.model.eval()
    weights = {key: value.contiguous() for key, value in model.state_dict().items()}
    write_atomic(session.directory.contender("base", "safetensors"), save(weights))
    session.directory.finish("joint", result)
    return session.retrained()


def _train(session: Session, on_epoch: OnEpoch) -> JointResult:
    settings, seed = session.config.joint, session.config.search.seed
    after = session.config.finetune.epochs if session.config.trained_before else 0
    schedule, workload = schedule_of(settings, after), session.workload
    probed = probe(session)
    factor = schedule.penalty(
        settings.alignment,
        steps=math.ceil(len(workload.splits.train) / settings.batch_size),
        lr=settings.lr,
    )
    estimator = probed.estimator(session)
    problem = search_problem(session, probed, estimator)
    scorer = Scorer(
        session.channels,
        workload.model,
        workload.splits,
        session.recovery.execution,
        images=settings.images,
        seed=seed,
    )
    with session.reporter.task("train and prune", schedule.epochs) as task:

        def told(epoch: JointEpoch) -> None:
            found = "" if epoch.incumbent is None else f", pruned {epoch.incumbent:.1%}"
            task.advance(note=f"loss {epoch.loss:.3f}, whole {epoch.dense:.1%}{found}")
            on_epoch(epoch, workload.model)

        return train_jointly(
            workload.model,
            workload.splits.train,
            Rounds(problem, scorer, schedule, seed, first=uniform_widths(session, problem)),
            scorer,
            Alignment(session.channels, workload.model, factor),
            schedule,
            lr=settings.lr,
            batch_size=settings.batch_size,
            weight_decay=settings.weight_decay,
            seed=seed,
            folder=session.directory.path / "contenders",
            measure=lambda widths: session.compare(widths).ratio,
            learn=estimator.observe,
            mode=session.config.training_mode,
            on_epoch=told,
        )


def schedule_of(settings: JointConfig, after: int = 0) -> JointSchedule:
    """How long everything takes.

    Args:
        settings: of the pipeline.
        after: epochs of the cut network that share the learning rate's curve.
    """
    rounds = ("episodes", "decoder_updates", "agent_updates")
    lengths = settings.lengths | {name: getattr(settings, name) for name in rounds}
    return JointSchedule(**lengths, after=after)
