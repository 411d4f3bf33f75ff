"""What the workers of a run do for it: score candidates, train finalists an epoch at a time."""

from collections.abc import Callable
from contextlib import nullcontext
from dataclasses import dataclass
from pathlib import Path

from edgeprune.evaluation import Scored
from edgeprune.execution import Crew
from edgeprune.files import write_atomic
from edgeprune.pipeline.desk import Tuned
from edgeprune.pipeline.finishing import telling
from edgeprune.pipeline.session import Session
from edgeprune.pruning import CandidatePlan
from edgeprune.training import epochs_done

#: Images that are scored in the time in which one is trained on: forth, back, and by the teacher.
_TRAINED = 4


@dataclass(frozen=True)
class TunedElsewhere:
    """A finalist as far as it was to come.

    Attributes:
        score: on the reward split.
        seconds: of all its epochs.
    """

    score: float
    seconds: float


def score_elsewhere(session: Session, crew: Crew, trained: int, plan: CandidatePlan) -> Scored:
    """Have a worker repair and score a candidate.

    Args:
        session: the open run.
        crew: its workers.
        trained: training images that the candidate is trained on first.
        plan: the candidate's.
    """
    found: Scored = crew.work("score", plan, trained, images=_images(session, trained))
    return found


def tune_elsewhere(
    session: Session,
    name: str,
    plan: CandidatePlan,
    checkpoint: Path,
    lr_share: float,
    on_epoch: Callable[[int, float], None] | None = None,
    until: int | None = None,
) -> TunedElsewhere:
    """Train a finalist by whichever worker is free for its next epoch, and score it.

    Its training is kept here between them, so that a worker that is lost takes an epoch along at
    most, and a run that is resumed goes on with it, with workers or without.

    Args:
        session: the open run; it has workers.
        name: the finalist's.
        plan: its plan.
        checkpoint: its state after every epoch.
        lr_share: of the recipe's learning rate; 0: nothing is trained.
        on_epoch: told of every epoch and its loss, those of before once more; None: a progress
            bar of its own.
        until: pause after that many epochs of the schedule.

    Raises:
        DivergedError: its loss is not finite any more.
        RunError: the checkpoint cannot be read.
        WorkersLostError: too many workers were lost over one epoch.
    """
    crew, epochs = session.crew, session.config.finetune.epochs if lr_share else 0
    assert crew is not None
    last = epochs if until is None else min(until, epochs)
    # A broken file is told of by its own name here, not by a worker's.
    begun = last and epochs_done(checkpoint)
    state = checkpoint.read_bytes() if begun else None
    tuned, known, images = Tuned(), 0, _images(session, len(session.workload.splits.train))
    # Where nothing is trained, there is no epoch to tell of.
    with telling(session, name, last, on_epoch) if last else nullcontext(_unheard) as told:
        while tuned.score is None:
            tuned = crew.work("tune", plan, state, last, lr_share, images=images)
            if tuned.checkpoint is not None and tuned.checkpoint != state:
                state = tuned.checkpoint
                write_atomic(checkpoint, state)
            for epoch in range(known, len(tuned.losses)):
                told(epoch, tuned.losses[epoch])
            known = len(tuned.losses)
    return TunedElsewhere(tuned.score, tuned.seconds)


def _unheard(epoch: int, loss: float) -> None:
    """Nobody is told."""


def _images(session: Session, trained: int) -> int:
    """How much work it is to train on some images and to score."""
    return _TRAINED * trained + len(session.workload.splits.reward)
