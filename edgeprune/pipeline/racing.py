"""The race: contenders are fine-tuned a little, the worse half dropped, and so on to the end.

What a candidate scores before fine-tuning does not rank the best ones
(docs/algorithms.md#why-finalists-race), so they are ranked by what they score along the schedule
that the result gets anyway: successive halving, where weights carry over. Baselines are never
dropped: reports show them, and where one of them is the best there is, it is the result.
"""

import math
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch

from edgeprune.devices import Comparison
from edgeprune.evaluation import accuracy
from edgeprune.pipeline.contenders import BASELINES, Contender, Field
from edgeprune.pipeline.finishing import (
    copy_contender,
    fine_tune,
    finish_contender,
)
from edgeprune.pipeline.goals import Goal
from edgeprune.pipeline.progress import Task
from edgeprune.pipeline.session import Session
from edgeprune.pruning import Plan

#: Parts of the schedule after which the worse half of the search's contenders is dropped.
RUNGS = (0.25, 0.5)


def rungs(epochs: int) -> tuple[int, ...]:
    """Epochs after which contenders are compared; the last is the end of the schedule."""
    steps = {max(1, math.floor(part * epochs + 0.5)) for part in RUNGS}
    return (*sorted(step for step in steps if step < epochs), epochs)


def race(session: Session, goal: Goal, runners: Field) -> dict[str, dict[str, Any]]:
    """Find out which contender is best after fine-tuning, and finish it and the baselines.

    A run that was interrupted goes on with the epoch it was in.

    Args:
        session: the open run.
        goal: the budget.
        runners: the contenders.

    Returns:
        The records of ``result``, ``uniform``, ``filled`` and ``random``. The result is the
        contender with the highest accuracy on the reward split whose written file meets the
        budget, whoever found it; it says who in ``found_by``. Where no file does, it is the
        fastest one, with ``met`` False.
    """
    stage = goal.named("race")
    names = ("result", *BASELINES)
    if session.directory.record(stage) is None:
        running = _Race(session, goal, runners)
        alive = running.run()
        running.finish(alive)
        session.directory.finish(stage, running.lines())
        running.clean()
    return {name: dict(session.directory.record(goal.named(name)) or {}) for name in names}


@dataclass
class _Race:
    """One race while it runs.

    Attributes:
        session: the open run.
        goal: the budget.
        runners: the contenders.
        states: what every rung left, by its epochs.
    """

    session: Session
    goal: Goal
    runners: Field
    states: dict[int, dict[str, Any]] = field(default_factory=dict)
    _models: dict[str, torch.nn.Module] = field(default_factory=dict)
    _comparisons: dict[str, Comparison] = field(default_factory=dict)

    @property
    def epochs(self) -> int:
        """Length of the schedule."""
        return self.session.config.finetune.epochs

    def run(self) -> list[Contender]:
        """Train and drop, rung by rung; gives those that were trained to the end."""
        alive = list(self.runners.contenders)
        done = dict.fromkeys((one.name for one in alive), 0)
        name = self.goal.named("race")
        with self.session.reporter.task(name, self._planned()) as task:
            for rung in rungs(self.epochs):
                stage = f"{name}-{rung}"
                state = self.session.directory.record(stage)
                if state is None:
                    state = self._rung(alive, rung, task, done)
                    state = self.session.directory.finish(stage, state)
                    self._tell(alive, state, rung)
                else:
                    task.advance(sum(rung - done[one.name] for one in alive))
                    done |= dict.fromkeys((one.name for one in alive), rung)
                self.states[rung] = dict(state)
                for one in alive:
                    if one.name in state["dropped"]:
                        self._forget(one)
                alive = [one for one in alive if one.name not in state["dropped"]]
        return alive

    def _rung(
        self, alive: Sequence[Contender], rung: int, task: Task, done: dict[str, int]
    ) -> dict[str, Any]:
        scores: dict[str, float] = {}
        seconds: dict[str, float] = {}
        for one in alive:
            start = time.perf_counter()

            def told(epoch: int, loss: float, one: Contender = one) -> None:
                # A checkpoint tells of its old epochs once more.
                if epoch >= done[one.name]:
                    done[one.name] = epoch + 1
                    best = self._best(scores)
                    task.advance(note=f"{one.found_by}, epoch {epoch + 1}: loss {loss:.3f}{best}")

            model = self._model(one)
            spent = fine_tune(
                self.session, one.name, model, self._checkpoint(one), until=rung, on_epoch=told
            )
            scores[one.name] = accuracy(model, self.session.workload.splits.reward)
            if not self.epochs:
                task.advance(note=f"{one.found_by}{self._best(scores)}")
            seconds[one.name] = spent or time.perf_counter() - start
        return {"scores": scores, "seconds": seconds, "dropped": self._dropped(alive, scores, rung)}

    def _dropped(
        self, alive: Sequence[Contender], scores: dict[str, float], rung: int
    ) -> list[str]:
        """The worse half of the search's own contenders; of equals the later ones."""
        if rung == self.epochs:
            return []
        own = [one.name for one in alive if not one.roles]
        return sorted(own, key=lambda name: -scores[name])[math.ceil(len(own) / 2) :]

    def finish(self, alive: Sequence[Contender]) -> None:
        """Write the baselines and the result; each file is scored on the test split once."""
        directory, scores = self.session.directory, self.states[self.epochs]["scores"]
        for one in alive:
            for role in one.roles:
                self._finish_role(one, role, scores[one.name])
        if directory.record(self.goal.named("result")) is not None:
            return
        # Sorting keeps the order of equals: the search's own come first.
        ranked = sorted(alive, key=lambda one: -scores[one.name])
        missed: list[tuple[float, Contender]] = []
        for one in ranked:
            ratio = self._measured(one)
            if ratio <= self.goal.limit:
                self._hand_over(one, scores[one.name])
                return
            missed.append((ratio, one))
            self.session.reporter.say(
                f"{self.goal.text}: the file of {one.found_by} takes {ratio:.3f}x, over "
                f"{self.goal.limit:.3f}x: the next best is taken"
            )
        fastest = min(missed, key=lambda pair: pair[0])[1]
        self._hand_over(fastest, scores[fastest.name])

    def _finish_role(self, one: Contender, role: str, score: float) -> None:
        directory = self.session.directory
        first, name = self.goal.named(one.roles[0]), self.goal.named(role)
        if directory.record(name) is not None:
            return
        facts = {
            "found_by": one.found_by,
            "reward_accuracy": score,
            "finalists": self.runners.finalists(role),
        }
        if role == one.roles[0]:
            model = self._trained(one)
            finish_contender(self.session, name, self._plan(one), model, self.goal.limit, facts)
        else:
            copy_contender(self.session, first, name, facts)

    def _measured(self, one: Contender) -> float:
        """Latency of the written file as a ratio to the base's."""
        if one.roles:
            record = self.session.directory.record(self.goal.named(one.roles[0])) or {}
            return float(record["ratio"])
        weights = self._trained(one).state_dict()
        content = self.session.space.template.candidate(weights, one.widths)
        comparison = self._comparisons[one.name] = self.session.compare_file(content)
        return comparison.ratio

    def _hand_over(self, one: Contender, score: float) -> None:
        facts = {
            "found_by": one.found_by,
            "baseline": list(one.roles),
            "reward_accuracy": score,
            "finalists": self.runners.finalists("result"),
        }
        name = self.goal.named("result")
        if one.roles:
            source = self.goal.named(one.roles[0])
            copy_contender(self.session, source, name, facts)
            return
        model, comparison = self._trained(one), self._comparisons[one.name]
        plan = self._plan(one)
        finish_contender(self.session, name, plan, model, self.goal.limit, facts, comparison)

    def lines(self) -> list[dict[str, Any]]:
        """What became of every contender, for the manifest."""
        found = []
        for one in self.runners.contenders:
            ran = {
                rung: state for rung, state in self.states.items() if one.name in state["scores"]
            }
            last = max(ran)
            dropped = one.name in ran[last]["dropped"]
            found.append(
                {
                    "name": one.name,
                    "found_by": one.found_by,
                    "widths": one.widths,
                    "roles": list(one.roles),
                    "reward_accuracy": {
                        str(rung): state["scores"][one.name] for rung, state in ran.items()
                    },
                    "epochs": last,
                    "seconds": ran[last]["seconds"][one.name],
                    "dropped_after": last if dropped else None,
                }
            )
        return found

    def clean(self) -> None:
        """Remove what only an unfinished race needs."""
        for one in self.runners.contenders:
            self._forget(one)

    def _model(self, one: Contender) -> torch.nn.Module:
        if one.name not in self._models:
            self._models[one.name] = self.session.recovery.recover(self._plan(one))
        return self._models[one.name]

    def _plan(self, one: Contender) -> Plan:
        return self.session.plan(one.widths, one.importance)

    def _trained(self, one: Contender) -> torch.nn.Module:
        """A contender at the end of its schedule; read back where another process trained it."""
        fresh = one.name not in self._models
        model = self._model(one)
        if fresh:
            fine_tune(
                self.session, one.name, model, self._checkpoint(one), on_epoch=lambda *told: None
            )
        return model

    def _checkpoint(self, one: Contender) -> Path:
        return self.session.directory.contender(
            f"{self.goal.named('race')}-{one.name}", "checkpoint"
        )

    def _forget(self, one: Contender) -> None:
        self._models.pop(one.name, None)
        self._checkpoint(one).unlink(missing_ok=True)

    def _planned(self) -> int:
        """Steps of the progress bar: epochs of all contenders, or one each without epochs."""
        own = sum(not one.roles for one in self.runners.contenders)
        held = len(self.runners.contenders) - own
        total, before = 0, 0
        for rung in rungs(self.epochs):
            total += (own + held) * (rung - before)
            own, before = math.ceil(own / 2), rung
        return total or len(self.runners.contenders)

    def _best(self, scores: dict[str, float]) -> str:
        """The best so far in this rung, else in the one before."""
        known = scores or (self.states[max(self.states)]["scores"] if self.states else {})
        if not known:
            return ""
        name = max(known, key=lambda one: known[one])
        words = next(one.found_by for one in self.runners.contenders if one.name == name)
        return f"; best {known[name]:.1%} ({words})"

    def _tell(self, alive: Sequence[Contender], state: dict[str, Any], rung: int) -> None:
        for one in alive:
            fate = ", dropped" if one.name in state["dropped"] else ""
            self.session.reporter.log(
                f"{self.goal.named('race')} epoch {rung}: {one.found_by} "
                f"{state['scores'][one.name]:.4f} on the reward split{fate}"
            )
