"""What a worker holds: the model, its data and how they are scored; no device, no directory."""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property, partial
from typing import TYPE_CHECKING, Any

from edgeprune.config import PipelineConfig
from edgeprune.evaluation import Recovery, Scored, Scorer
from edgeprune.pipeline.recipe import retrain
from edgeprune.pruning import CandidatePlan
from edgeprune.workloads import Workload

if TYPE_CHECKING:
    from edgeprune.pipeline.session import Session


@dataclass
class Desk:
    """Scores candidates of one run in another process; statistics are gathered there once.

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
