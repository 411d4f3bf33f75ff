"""What a worker holds: the model, its data, scoring and training; no device, no directory."""

import tempfile
from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import cached_property, partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from edgeprune.config import PipelineConfig
from edgeprune.evaluation import Recovery, Scored, Scorer, accuracy
from edgeprune.pipeline.recipe import retrain, train
from edgeprune.pruning import CandidatePlan
from edgeprune.training import epochs_done
from edgeprune.workloads import Workload

if TYPE_CHECKING:
    from edgeprune.pipeline.session import Session


@dataclass(frozen=True)
class Tuned:
    """A finalist after one more epoch.

    Attributes:
        checkpoint: its training, as the file that holds it; None where it is not trained.
        losses: mean loss of every epoch so far.
        seconds: of all of them.
        score: on the reward split, once it is as far as it was to come.
    """

    checkpoint: bytes | None = None
    losses: tuple[float, ...] = ()
    seconds: float = 0.0
    score: float | None = None


@dataclass
class Desk:
    """Scores and trains candidates of a run in another process; statistics are made there once.

    Attributes:
        config: the pipeline.
        workload: the base model and its data.
    """

    config: PipelineConfig
    workload: Workload

    @classmethod
    def of(cls, session: "Session") -> "Desk":
        """A run's."""
        return cls(session.config, session.workload)

    def score(self, plan: CandidatePlan, images: int = 0) -> Scored:
        """Repair and score a candidate.

        Args:
            plan: the candidate's.
            images: training images that it is trained on first.
        """
        if images not in self._scorers:
            how = partial(retrain, self, images) if images else None
            reward, task = self.workload.splits.reward, self.workload.task
            self._scorers[images] = Scorer(self._recovery, reward, task, retrain=how)
        return self._scorers[images](plan)

    def tune(
        self, plan: CandidatePlan, checkpoint: bytes | None, epochs: int, lr_share: float
    ) -> Tuned:
        """Train a finalist for one epoch, or score it where it is as far as it is to come.

        An epoch at a time: no more is lost with a worker, and how long it takes is known.

        Args:
            plan: the finalist's.
            checkpoint: its training so far; None: it begins, recovered.
            epochs: of the schedule, how far it is to come; 0: it is scored as it is.
            lr_share: of the recipe's learning rate.

        Raises:
            DivergedError: its loss is not finite any more.
        """
        workload = self.workload
        if checkpoint is None:
            model = self._recovery.recover(plan)
        else:  # all its weights come from there
            model = plan.apply(workload.model)
        tuned = Tuned()
        if epochs:
            with tempfile.TemporaryDirectory(prefix="edgeprune-") as folder:
                path = Path(folder) / "checkpoint"
                if checkpoint is not None:
                    path.write_bytes(checkpoint)
                result = train(
                    *(self, model, workload.splits.train),
                    epochs=self.config.finetune.epochs,
                    lr_share=lr_share,
                    checkpoint=path,
                    until=min(epochs_done(path) + 1, epochs),
                    after_step=partial(plan.hold, model),
                )
                tuned = Tuned(path.read_bytes(), result.losses, result.seconds)
        if len(tuned.losses) < epochs:
            return tuned
        model.eval()
        score = accuracy(model, workload.splits.reward, task=workload.task)
        return replace(tuned, score=score)

    def __getstate__(self) -> dict[str, Any]:
        """What is sent; what was made of it is made again."""
        return {"config": self.config, "workload": self.workload}

    def __setstate__(self, state: Mapping[str, Any]) -> None:
        """As it was made."""
        vars(self).update(state)

    @cached_property
    def _recovery(self) -> Recovery:
        return Recovery(self.workload.model, self.workload.splits.train, self.config.recover)

    @cached_property
    def _scorers(self) -> dict[int, Scorer]:
        return {}
