"""What a worker holds: the model, its data and how they are scored; no device, no directory."""

import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property, partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from edgeprune.config import PipelineConfig
from edgeprune.evaluation import Recovery, Scored, Scorer
from edgeprune.pipeline.precision import artifact_maker
from edgeprune.pipeline.recipe import retrain
from edgeprune.pruning import CandidatePlan, Template
from edgeprune.workloads import Workload

if TYPE_CHECKING:
    from edgeprune.pipeline.session import Session


@dataclass
class Desk:
    """Scores candidates of one run in another process; statistics are gathered there once.

    Attributes:
        config: the pipeline.
        workload: the base model and its data.
        template: writes candidates' files.
    """

    config: PipelineConfig
    workload: Workload
    template: Template

    @classmethod
    def of(cls, session: "Session") -> "Desk":
        """A run's."""
        return cls(session.config, session.workload, session.template)

    def score(self, plan: CandidatePlan, images: int = 0) -> Scored:
        """Repair and score a candidate.

        Args:
            plan: the candidate's.
            images: training images that it is trained on first.
        """
        return self._scorer(images)(plan)

    def __getstate__(self) -> dict[str, Any]:
        """What is sent; what was made of it is made again."""
        return {name: vars(self)[name] for name in self.__dataclass_fields__}

    def __setstate__(self, state: Mapping[str, Any]) -> None:
        """As it was made."""
        vars(self).update(state)

    @cached_property
    def _recovery(self) -> Recovery:
        return Recovery(self.workload.model, self.workload.splits.train, self.config.recover)

    @cached_property
    def _scorers(self) -> dict[int, Scorer]:
        return {}

    def _scorer(self, images: int) -> Scorer:
        if images not in self._scorers:
            how = partial(retrain, self, images) if images else None
            self._scorers[images] = self._made(how)
        return self._scorers[images]

    def _made(self, how: "partial[None] | None") -> Scorer:
        ranges = Path(tempfile.mkdtemp(prefix="edgeprune-worker-")) / "ranges.json"
        artifact = artifact_maker(self.config, self.workload, self.template.base, ranges)
        return Scorer(
            *(self.template, self._recovery, self.workload.splits.reward, self.workload.task),
            artifact=artifact,
            retrain=how,
        )
