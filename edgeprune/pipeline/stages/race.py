"""The race: contenders are fine-tuned a little, the worse half dropped, and so on to the end.

What a candidate scores before fine-tuning does not rank the best ones
(docs/algorithms.md#why-finalists-race), so they are ranked by what they score along the schedule
that the result gets anyway: successive halving, where weights carry over. Baselines are never
dropped: reports show them, and where one of them is the best there is, it is the result.
"""

import math
import threading
import time
from collections.abc import Sequence
from dataclasses import dataclass, field

from pydantic import BaseModel

from edgeprune.errors import DivergedError
from edgeprune.pipeline.field import BASELINES, Contender, Field
from edgeprune.pipeline.finishing import finished
from edgeprune.pipeline.goals import Goal
from edgeprune.pipeline.handover import Handover
from edgeprune.pipeline.mending import mend, told
from edgeprune.pipeline.networks import Networks
from edgeprune.pipeline.progress import Task
from edgeprune.pipeline.records import Finished, Heat, Mended, Race
from edgeprune.pipeline.session import Session
from edgeprune.pipeline.settling import Settler
from edgeprune.pipeline.unmeasured import Costs, needed
from edgeprune.report.race import Raced

#: Parts of the schedule after which the worse half of the search's contenders is dropped.
RUNGS = (0.25, 0.5)


def rungs(epochs: int) -> tuple[int, ...]:
    """Epochs after which contenders are compared; the last is the end of the schedule."""
    steps = {max(1, math.floor(part * epochs + 0.5)) for part in RUNGS}
    return (*sorted(step for step in steps if step < epochs), epochs)


def planned_epochs(own: int, held: int, epochs: int, done: int = 0) -> int:
    """Epochs of training that a race takes, at least.

    Args:
        own: contenders of the search, the worse half of which is dropped at every rung.
        held: contenders that are trained to the end.
        epochs: length of the schedule.
        done: epochs that all of them have behind them.
    """
    total = 0
    for rung in (step for step in rungs(epochs) if step > done):
        total += (own + held) * (rung - done)
        own, done = math.ceil(own / 2), rung
    return total


class Repeat(BaseModel):
    """The winner once more, narrower: its written file had missed the budget.

    Attributes:
        contender: the narrower plan.
        score: its accuracy on the reward split, at the end of its schedule.
        seconds: of its training.
    """

    contender: Contender
    score: float
    seconds: float


def race(
    session: Session, goal: Goal, runners: Field, settler: Settler | None = None
) -> dict[str, Finished]:
    """Find out which contender is best after fine-tuning, and finish it and the baselines.

    A run that was interrupted goes on with the epoch it was in.

    Args:
        session: the open run.
        goal: the budget.
        runners: the contenders.
        settler: narrows the winner once where its written file misses the budget, which another
            process on the device may be the reason of; None: the next best is taken at once.

    Returns:
        The records of ``result`` and of the baselines. The result is the
        contender with the highest accuracy on the reward split whose written file meets the
        budget, whoever found it; it says who in ``found_by``. Where no file does, it is the
        fastest one, with ``met`` False.

    Raises:
        MeasurementError: the device failed to measure a baseline, or all finalists.
    """
    stage = goal.named("race")
    names = ("result", *BASELINES[session.config.prune.granularity])
    torn = any(session.directory.torn(goal.named(name)) for name in names)
    if torn or not session.directory.done(stage):
        running = _Race(session, goal, runners, settler)
        alive = running.mended(running.run())
        running.finish_roles(alive)
        running.finish(running.repeated(alive))
        session.directory.finish(stage, Race(contenders=running.lines()))
        running.clean()
    done = [name for name in names if session.directory.done(goal.named(name))]
    return {name: finished(session, goal.named(name)) for name in done}


@dataclass
class _Race:
    """One race while it runs.

    Attributes:
        session: the open run.
        goal: the budget.
        runners: the contenders.
        settler: narrows the winner where its file misses the budget.
        states: what every rung left, by its epochs.
        networks: of the contenders.
        costs: of their files.
        handover: writes what is handed over.
    """

    session: Session
    goal: Goal
    runners: Field
    settler: Settler | None
    states: dict[int, Heat] = field(default_factory=dict)
    networks: Networks = field(init=False)
    costs: Costs = field(init=False)
    handover: Handover = field(init=False)

    def __post_init__(self) -> None:
        self.networks = Networks(self.session, self.goal)
        self.costs = Costs(self.session, self.goal, self.networks)
        self.handover = Handover(self.session, self.goal, self.networks)

    @property
    def epochs(self) -> int:
        """Length of the schedule."""
        return self.session.config.finetune.epochs

    def run(self) -> list[Contender]:
        """Train and drop, rung by rung; gives those that were trained to the end."""
        alive = list(self.runners.contenders)
        done = dict.fromkeys((one.name for one in alive), 0)
        name = self.goal.named("race")
        with self.session.reporter.task(name, self._planned(alive, 0)) as task:
            for rung in rungs(self.epochs):
                stage = f"{name}-{rung}"
                state = self.session.directory.record(stage, Heat)
                if state is None:
                    state = self._rung(alive, rung, task, done)
                    state = self.session.directory.finish(stage, state)
                    self._tell(alive, state, rung)
                else:
                    task.advance(sum(rung - done[one.name] for one in alive))
                    done |= dict.fromkeys((one.name for one in alive), rung)
                self.states[rung] = state
                for one in alive:
                    if one.name in state.dropped:
                        self.networks.forget(one)
                alive = [one for one in alive if one.name not in state.dropped]
                if rung < self.epochs:
                    task.expect(self._planned(alive, rung))
        return alive

    def _rung(
        self, alive: Sequence[Contender], rung: int, task: Task, done: dict[str, int]
    ) -> Heat:
        scores: dict[str, float] = {}
        telling = threading.Lock()  # contenders may be trained side by side

        def train(one: Contender) -> tuple[float, float]:
            start = time.perf_counter()

            def on_epoch(epoch: int, loss: float) -> None:
                # A checkpoint tells of its old epochs once more.
                if epoch < done[one.name]:
                    return
                with telling:
                    done[one.name] = epoch + 1
                    best = self._best(scores)
                    task.advance(note=f"{one.found_by}, epoch {epoch + 1}: loss {loss:.3f}{best}")
                    self.session.reporter.listener.on_epoch(one.name, epoch + 1, loss)

            try:
                spent, score = self.networks.tune(one, on_epoch, until=rung), self._score(one)
            except DivergedError as error:  # `mended` sees to it
                self.session.reporter.say(f"{one.found_by}: {error}")
                self.networks.drop(one.name)
                spent, score = 0.0, 0.0
            with telling:
                scores[one.name] = score
                if not self.epochs:
                    task.advance(note=f"{one.found_by}{self._best(scores)}")
            return score, spent or time.perf_counter() - start

        found = dict(
            zip((one.name for one in alive), self.networks.each(train, alive), strict=True)
        )
        ranked = {name: score for name, (score, _) in found.items()}
        seconds = {name: spent for name, (_, spent) in found.items()}
        dropped = self._dropped(alive, ranked, rung)
        return Heat(scores=ranked, seconds=seconds, dropped=tuple(dropped))

    def _dropped(
        self, alive: Sequence[Contender], scores: dict[str, float], rung: int
    ) -> list[str]:
        """The worse half of the search's own contenders; of equals the later ones.

        Not those that chance may have put behind the best: an image more or less decides there.
        """
        if rung == self.epochs:
            return []
        own = sorted((one.name for one in alive if not one.roles), key=lambda name: -scores[name])
        behind = own[math.ceil(len(own) / 2) :]
        return [one for one in behind if scores[own[0]] - scores[one] > self._error(scores[own[0]])]

    def _score(self, one: Contender) -> float:
        """Accuracy on the reward split, as it is now."""
        return self.networks.score(one)

    def _error(self, score: float) -> float:
        """Standard error of an accuracy on the reward split: of a mean of shares, at most this."""
        share = min(max(score, 0.0), 1.0)
        return math.sqrt(share * (1 - share) / len(self.session.workload.splits.reward))

    def mended(self, alive: Sequence[Contender]) -> list[Contender]:
        """Those that ran to the end, each with the training that serves it best.

        Where fine-tuning made a network worse than it was, its learning rate was too high: it is
        trained once more with a part of that, and the best of the three goes on.
        """
        stage, directory = self.goal.named("race-mended"), self.session.directory
        mended = directory.record(stage, Mended)
        if mended is None:
            last = self.states[self.epochs]
            found = mend(self.networks, alive, last, self._error) if self.epochs else Mended()
            mended = directory.finish(stage, found)
        self._amend(mended.scores, mended.seconds)
        shares = self.networks.lr_shares = mended.lr_shares
        for name in shares:
            self.networks.drop(name)
        everyone = tuple(told(one, shares) for one in self.runners.contenders)
        self.runners = Field(contenders=everyone)
        return [told(one, shares) for one in alive]

    def _amend(self, scores: dict[str, float], seconds: dict[str, float]) -> None:
        """What was trained after the last rung stands beside it, or in its place."""
        last = self.states[self.epochs]
        self.states[self.epochs] = last.model_copy(
            update={"scores": last.scores | scores, "seconds": last.seconds | seconds}
        )

    def finish_roles(self, alive: Sequence[Contender]) -> None:
        """Write the baselines; each file is scored on the test split once."""
        for one in alive:
            for role in one.roles:
                with needed(self.session, f"the baseline {one.found_by}"):
                    finalists = self.runners.finalists(role)
                    self.handover.baseline(one, role, self._scores[one.name], finalists)

    def repeated(self, alive: Sequence[Contender]) -> list[Contender]:
        """Those that ran to the end, and the winner narrower where its file misses the budget."""
        directory, stage = self.session.directory, self.goal.named("race-repeat")
        repeat = directory.record(stage, Repeat)
        if repeat is None:
            best, cost = next(self.costs.each(self._ranked(alive)))
            if self.settler is None or not self._worth_repeating(best, cost, alive):
                return list(alive)
            widths = self.settler.narrower(best.widths, self.networks.measured(best))
            if widths == best.widths:
                return list(alive)
            words = f"{best.found_by}, narrowed after its training"
            narrower = Contender(f"{best.name}-narrower", words, widths, importance=best.importance)
            self.session.reporter.say(
                f"{self.goal.text}: the file of {best.found_by} misses the budget: it is trained "
                "once more, narrower"
            )
            seconds = self.networks.tune(narrower)
            repeat = Repeat(contender=narrower, score=self._score(narrower), seconds=seconds)
            repeat = directory.finish(stage, repeat)
        one = repeat.contender
        self._amend({one.name: repeat.score}, {one.name: repeat.seconds})
        self.runners = Field(contenders=(*self.runners.contenders, one))
        return [*alive, one]

    def _worth_repeating(self, best: Contender, cost: float, alive: Sequence[Contender]) -> bool:
        """Whether the winner misses the budget, and is better than others by more than chance."""
        if cost <= self.goal.limit:
            return False
        ranked = self.costs.each(self._ranked(alive))
        others = (one for one, cost in ranked if cost <= self.goal.limit)
        second, score = next(others, None), self._scores[best.name]
        return second is None or score - self._scores[second.name] > self._error(score)

    def finish(self, alive: Sequence[Contender]) -> None:
        """Write the result; its file is scored on the test split once."""
        if self.session.directory.done(self.goal.named("result")):
            return
        scores, finalists = self._scores, self.runners.finalists("result")
        missed: list[tuple[float, Contender]] = []
        for one, cost in self.costs.each(self._ranked(alive)):
            if cost <= self.goal.limit:
                self.handover.result(one, scores[one.name], finalists)
                return
            missed.append((cost, one))
            self.session.reporter.say(
                f"{self.goal.text}: the file of {one.found_by} takes {cost:.3f}x, over "
                f"{self.goal.limit:.3f}x: the next best is taken"
            )
        fastest = min(missed, key=lambda pair: pair[0])[1]
        self.handover.result(fastest, scores[fastest.name], finalists)

    @property
    def _scores(self) -> dict[str, float]:
        """Accuracies on the reward split at the end of the schedule."""
        return self.states[self.epochs].scores

    def _ranked(self, alive: Sequence[Contender]) -> list[Contender]:
        """The best first; sorting keeps the order of equals: the search's own come first."""
        return sorted(alive, key=lambda one: -self._scores[one.name])

    def lines(self) -> tuple[Raced, ...]:
        """What became of every contender, for the manifest."""
        found = []
        for one in self.runners.contenders:
            ran = {rung: heat for rung, heat in self.states.items() if one.name in heat.scores}
            last = max(ran)
            line = Raced(
                name=one.name,
                found_by=one.found_by,
                widths=one.widths,
                roles=one.roles,
                reward_accuracy={rung: heat.scores[one.name] for rung, heat in ran.items()},
                epochs=last,
                seconds=ran[last].seconds[one.name],
                dropped_after=last if one.name in ran[last].dropped else None,
                set_aside=self.costs.aside.get(one.name),
            )
            found.append(line)
        return tuple(found)

    def clean(self) -> None:
        """Remove what only an unfinished race needs."""
        for one in self.runners.contenders:
            self.networks.forget(one)

    def _planned(self, alive: Sequence[Contender], rung: int) -> int:
        """Steps of the progress bar from here: epochs of all, or one each without epochs."""
        if not self.epochs:
            return len(alive)
        own = sum(not one.roles for one in alive)
        return planned_epochs(own, len(alive) - own, self.epochs, rung)

    def _best(self, scores: dict[str, float]) -> str:
        """The best so far in this rung, else in the one before."""
        known = scores or (self.states[max(self.states)].scores if self.states else {})
        if not known:
            return ""
        name = max(known, key=lambda one: known[one])
        words = next(one.found_by for one in self.runners.contenders if one.name == name)
        return f"; best {known[name]:.1%} ({words})"

    def _tell(self, alive: Sequence[Contender], state: Heat, rung: int) -> None:
        for one in alive:
            fate = ", dropped" if one.name in state.dropped else ""
            self.session.reporter.log(
                f"{self.goal.named('race')} epoch {rung}: {one.found_by} "
                f"{state.scores[one.name]:.4f} on the reward split{fate}"
            )
