"""The contenders' networks while they race: trained as far as they have come, written, measured."""

import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import TypeVar

import torch

from edgeprune.devices import Comparison
from edgeprune.execution import spread
from edgeprune.pipeline.amounts import held, shares
from edgeprune.pipeline.elsewhere import tune_elsewhere
from edgeprune.pipeline.field import Contender
from edgeprune.pipeline.finishing import amounts_of_file, fine_tune, finished
from edgeprune.pipeline.goals import Goal
from edgeprune.pipeline.session import Session
from edgeprune.pruning import CandidatePlan

#: Share of the learning rate that is tried where fine-tuning did harm.
GENTLE = 0.2
#: How often a file that seems to miss the budget is measured.
_MEASURED = 3

Result = TypeVar("Result")


@dataclass
class Networks:
    """Networks by the names of their contenders; each is made, trained and measured once.

    Where a run has workers, they train and score; a network is read back here to be written.

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
    _scores: dict[str, float] = field(default_factory=dict)
    _planning: threading.Lock = field(default_factory=threading.Lock)

    def plan(self, one: Contender) -> CandidatePlan:
        """What it keeps."""
        with self._planning:
            return self.session.plan(one.widths, one.importance)

    def each(
        self, work: Callable[[Contender], Result], contenders: Sequence[Contender]
    ) -> list[Result]:
        """Do something with every contender, side by side where a run has workers.

        Args:
            work: what is done; called from several threads then.
            contenders: in the order in which it is begun.
        """
        crew = self.session.crew
        if crew is None:
            return [work(one) for one in contenders]
        return spread(work, contenders, crew.size)

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
        if self.session.crew is None:
            return self._tuned_here(one, told, until)
        share = self.lr_shares.get(one.name, 1.0)
        return self._tuned_elsewhere(one, one.name, share, told, until)

    def score(self, one: Contender) -> float:
        """Its score on the reward split, as it was tuned last."""
        if one.name in self._scores:
            return self._scores[one.name]
        return self.session.score(self.model(one))

    def untrained(self, one: Contender) -> float:
        """Its score on the reward split before any training."""
        if self.session.crew is None:
            return self.session.score(self.session.recovery.recover(self.plan(one)))
        name = f"{one.name}-untrained"
        self._tuned_elsewhere(one, name, 0.0)
        return self._scores[name]

    def gentle(self, one: Contender) -> tuple[float, float]:
        """Its score after a training with `GENTLE` of the learning rate, and that one's seconds.

        Raises:
            DivergedError: its loss is not finite any more.
        """
        name = f"{one.name}-gentle"
        if self.session.crew is not None:
            seconds = self._tuned_elsewhere(one, name, GENTLE)
            return self._scores[name], seconds
        plan = self.plan(one)
        model = self.session.recovery.recover(plan)
        hold, path = partial(plan.hold, model), self.checkpoint(one, GENTLE)
        seconds = fine_tune(self.session, name, model, path, hold, lr_share=GENTLE)
        return self.session.score(model), seconds

    def trained(self, one: Contender) -> torch.nn.Module:
        """It at the end of its schedule; read back where another process trained it."""
        fresh = one.name not in self._models
        model = self.model(one)
        if fresh:
            self._tuned_here(one, lambda *told: None)
        return model

    def _tuned_here(
        self,
        one: Contender,
        told: Callable[[int, float], None] | None,
        until: int | None = None,
    ) -> float:
        share, model = self.lr_shares.get(one.name, 1.0), self.model(one)
        return fine_tune(
            *(self.session, one.name, model),
            self.checkpoint(one, share),
            partial(self.plan(one).hold, model),
            lr_share=share,
            until=until,
            on_epoch=told,
        )

    def _tuned_elsewhere(
        self,
        one: Contender,
        name: str,
        share: float,
        told: Callable[[int, float], None] | None = None,
        until: int | None = None,
    ) -> float:
        """By workers; its score is kept under a name."""
        path, plan = self.checkpoint(one, share), self.plan(one)
        tuned = tune_elsewhere(self.session, name, plan, path, share, told, until)
        self._scores[name] = tuned.score
        return tuned.seconds

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
        self._scores.pop(name, None)

    def forget(self, one: Contender) -> None:
        """Let go of a network, in memory and on disk."""
        self.drop(one.name)
        for share in (1.0, GENTLE):
            self.checkpoint(one, share).unlink(missing_ok=True)
