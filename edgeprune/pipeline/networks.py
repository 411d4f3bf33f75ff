"""The contenders' networks while they race: trained as far as they have come, written, measured."""

from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

import torch

from edgeprune.devices import Comparison
from edgeprune.pipeline.amounts import held, shares
from edgeprune.pipeline.field import Contender
from edgeprune.pipeline.finishing import amounts_of_file, fine_tune, finished
from edgeprune.pipeline.goals import Goal
from edgeprune.pipeline.session import Session
from edgeprune.pruning import CandidatePlan

#: Share of the learning rate that is tried where fine-tuning did harm.
GENTLE = 0.2
#: How often a file that seems to miss the budget is measured.
_MEASURED = 3


@dataclass
class Networks:
    """Networks by the names of their contenders; each is made, trained and measured once.

    Attributes:
        session: the open run.
        goal: the budget.
        lr_shares: share of the recipe's learning rate that a contender is trained with; 1 where
            nothing is said, 0: it is not trained.
    """

    session: Session
    goal: Goal
    lr_shares: dict[str, float] = field(default_factory=dict)
    _models: dict[str, torch.nn.Module] = field(default_factory=dict)
    _comparisons: dict[str, Comparison] = field(default_factory=dict)
    _shares: dict[str, dict[str, float]] = field(default_factory=dict)

    def plan(self, one: Contender) -> CandidatePlan:
        """What it keeps."""
        return self.session.plan(one.widths, one.importance)

    def model(self, one: Contender) -> torch.nn.Module:
        """It as it is now; recovered where nothing has been trained yet."""
        if one.name not in self._models:
            self._models[one.name] = self.session.recovery.recover(self.plan(one))
        return self._models[one.name]

    def tune(
        self,
        one: Contender,
        told: Callable[[int, float], None] | None = None,
        until: int | None = None,
    ) -> float:
        """Train it along the schedule; gives the seconds of all that it was trained.

        Args:
            one: the contender.
            told: of every epoch and its loss; None: by a progress bar of its own.
            until: pause after that many epochs.

        Raises:
            DivergedError: its loss is not finite any more.
        """
        share, model = self.lr_shares.get(one.name, 1.0), self.model(one)
        return fine_tune(
            *(self.session, one.name, model),
            self.checkpoint(one, share),
            partial(self.plan(one).hold, model),
            lr_share=share,
            until=until,
            on_epoch=told,
        )

    def trained(self, one: Contender) -> torch.nn.Module:
        """It at the end of its schedule; read back where another process trained it."""
        fresh = one.name not in self._models
        model = self.model(one)
        if fresh:
            self.tune(one, lambda *told: None)
        return model

    def cost(self, one: Contender) -> float:
        """What the budget is on, of the written file, as a ratio to the base's.

        Above 1 where a budget beside latency does not hold.
        """
        if one.roles:
            record = finished(self.session, self.goal.named(one.roles[0]))
            return held(record.cost, record.used or {})
        if self.session.counted is None:
            return held(self.measured(one).ratio, self._used(one))
        content = self.session.file(self.trained(one), self.plan(one))
        return self.session.counted.written_density(content)

    def _used(self, one: Contender) -> dict[str, float]:
        if one.name not in self._shares:
            content = self.session.file(self.trained(one), self.plan(one))
            values = amounts_of_file(self.session, one.widths, content)
            self._shares[one.name] = shares(self.session, values)
        return self._shares[one.name]

    def measured(self, one: Contender) -> Comparison:
        """The file's latency, by all that was measured of its shape, before the training as well.

        What disturbs a device may last as long as a few comparisons, but not for the minutes
        between them, and the fastest fifth of all runs is of the moments that were quiet.
        """
        if one.name not in self._comparisons:
            content = self.session.file(self.trained(one), self.plan(one))
            parts = [] if one.comparison is None else [one.comparison]
            # A density is counted: no latency can miss that budget.
            for _ in range(_MEASURED if self.session.counted is None else 1):
                parts.append(self.session.compare_file(content))
                if Comparison.pooled(parts).ratio <= self.goal.limit:
                    break
            self._comparisons[one.name] = Comparison.pooled(parts)
        return self._comparisons[one.name]

    def checkpoint(self, one: Contender, lr_share: float = 1.0) -> Path:
        """Where its training is kept, of one learning rate."""
        gentle = "" if lr_share == 1.0 else "-gentle"
        name = f"{self.goal.named('race')}-{one.name}{gentle}"
        return self.session.directory.contender(name, "checkpoint")

    def drop(self, name: str) -> None:
        """Let go of a network in memory; what is on disk stays."""
        self._models.pop(name, None)

    def forget(self, one: Contender) -> None:
        """Let go of a network, in memory and on disk."""
        self.drop(one.name)
        for share in (1.0, GENTLE):
            self.checkpoint(one, share).unlink(missing_ok=True)
