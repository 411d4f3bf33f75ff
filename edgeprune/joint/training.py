"""Joint training: weights and structure in one run (RLAL, CVPR 2024), resumable after any epoch.

Warm-up of the weights, rounds of random episodes, then a round of the agent before every epoch,
then epochs that draw the weights to the structure that was found. The learning rate falls over
those and over the epochs of the cut network after them. What differs from the paper is in
docs/decisions/010-what-differs-from-the-published-rlal.md.
"""

import io
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import torch
from torch import nn

from edgeprune.errors import RunError
from edgeprune.files import write_atomic
from edgeprune.joint.rounds import Round, Rounds
from edgeprune.joint.schedule import JointSchedule
from edgeprune.joint.scoring import Alignment, Scorer
from edgeprune.search import Widths
from edgeprune.training import fit

if TYPE_CHECKING:
    from edgeprune.workloads import Split


@dataclass(frozen=True)
class JointEpoch:
    """The network after an epoch of its weights.

    Attributes:
        epoch: from 0.
        loss: mean training loss.
        dense: accuracy of the whole network on the reward images.
        incumbent: that of the structure that leads; None before there is one.
        to_cut: sum of the norms of the weights that are to be cut.
        latency: measured latency ratio of the structure that leads.
    """

    epoch: int
    loss: float
    dense: float
    incumbent: float | None
    to_cut: float | None
    latency: float | None


@dataclass(frozen=True)
class Measured:
    """A structure that led, and its measured latency ratio."""

    widths: Widths
    ratio: float


@dataclass(frozen=True)
class JointResult:
    """What joint training found; the weights are in the model.

    Attributes:
        widths: the structure that the weights were drawn to.
        epochs: the network, epoch by epoch.
        rounds: the agent, round by round.
        after: epochs of the learning rate's curve that are left for the cut network.
    """

    widths: Widths
    epochs: tuple[JointEpoch, ...]
    rounds: tuple[Round, ...]
    after: int = 0


def train_jointly(
    model: nn.Module,
    train: "Split",
    rounds: Rounds,
    scorer: Scorer,
    alignment: Alignment,
    schedule: JointSchedule,
    *,
    lr: float,
    batch_size: int,
    weight_decay: float,
    seed: int,
    folder: Path,
    measure: Callable[[Widths], float],
    learn: Callable[[Widths, float], None] = lambda widths, ratio: None,
    mode: str | None = None,
    on_epoch: Callable[[JointEpoch], None] = lambda _: None,
) -> JointResult:
    """Train a network and find its structure, from wherever an earlier process stopped.

    Args:
        model: trained in place.
        train: its training images.
        rounds: the agent's part.
        scorer: accuracy with the weights of the moment.
        alignment: the pull towards the structure that leads.
        schedule: how long everything takes.
        lr: first learning rate.
        batch_size: images per step.
        weight_decay: L2 penalty.
        seed: of order and augmentation.
        folder: keeps the state after every epoch.
        measure: measured latency ratio of a structure; asked once for every new leader.
        learn: told of what was measured, in this process or before it.
        mode: that steps of the weights are computed in, as in `edgeprune.training.fit`.
        on_epoch: told of every epoch, of those that a resumed run brings back too.

    Raises:
        UserError: the loss is not finite any more.
        RunError: the state in `folder` is another training's.
    """
    state = _State(folder / "joint.pt", rounds)
    state.load()
    for known in state.measured:
        learn(known.widths, known.ratio)

    def follow() -> None:
        if rounds.incumbent is not None:
            alignment.follow(scorer.plan(rounds.incumbent))

    def between(epoch: int, loss: float) -> None:
        """After an epoch: the rounds that come before the next one, and what is to be told."""
        if epoch < len(state.epochs):
            follow()
            on_epoch(state.epochs[epoch])
            return
        if epoch + 1 == schedule.warmup:
            for _ in range(schedule.fill):
                rounds.fill()
        if schedule.warmup <= epoch + 1 < schedule.warmup + schedule.joint:
            rounds.joint()
        follow()
        state.epochs.append(_told(epoch, loss))
        state.save()
        on_epoch(state.epochs[-1])

    def _told(epoch: int, loss: float) -> JointEpoch:
        widths = rounds.incumbent
        if widths is None:
            return JointEpoch(epoch, loss, scorer.dense(), None, None, None)
        ratio = next((one.ratio for one in state.measured if one.widths == widths), None)
        if ratio is None:
            ratio = measure(widths)
            state.measured.append(Measured(dict(widths), ratio))
            learn(widths, ratio)
        with torch.no_grad():
            norm = float(alignment.norm())
        reward = scorer.score_well(widths)  # on the images that the whole network is
        return JointEpoch(epoch, loss, scorer.dense(), reward, norm, ratio)

    fit(
        model,
        train,
        epochs=schedule.epochs + schedule.after,
        until=schedule.epochs,
        lr=lr,
        batch_size=batch_size,
        weight_decay=weight_decay,
        seed=seed,
        checkpoint=folder / "joint.checkpoint",
        on_epoch=between,
        mode=mode,
        penalty=alignment,
    )
    assert rounds.incumbent is not None, "a schedule has at least one round"
    return JointResult(rounds.incumbent, tuple(state.epochs), tuple(rounds.done), schedule.after)


class _State:
    """What is kept beside the weights' own checkpoint, after every epoch."""

    def __init__(self, path: Path, rounds: Rounds) -> None:
        self._path, self._rounds = path, rounds
        self.epochs: list[JointEpoch] = []
        self.measured: list[Measured] = []

    def load(self) -> None:
        if not self._path.exists():
            return
        try:
            saved = torch.load(self._path, weights_only=True)
            self._rounds.restore(saved["rounds"])
            self.epochs = [JointEpoch(**one) for one in saved["epochs"]]
            self.measured = [Measured(**one) for one in saved["measured"]]
        except Exception as error:  # torn, or another version's: it fails in any way
            msg = (
                f"{self._path} is no state of joint training ({type(error).__name__}: {error}); "
                "delete it, and the checkpoints beside it, to train anew"
            )
            raise RunError(msg) from error

    def save(self) -> None:
        buffer = io.BytesIO()
        torch.save(
            {
                "rounds": self._rounds.saved(),
                "epochs": [asdict(one) for one in self.epochs],
                "measured": [asdict(one) for one in self.measured],
            },
            buffer,
        )
        write_atomic(self._path, buffer.getvalue())
