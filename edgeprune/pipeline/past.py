"""What a search takes from the history, and what it leaves there."""

import time
import uuid
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from itertools import islice
from typing import Any

import numpy as np

from edgeprune.devices import Comparison
from edgeprune.errors import MeasurementError
from edgeprune.history import (
    History,
    RunRecord,
    RunSpace,
    TrialRecord,
    target_facts,
    target_key,
)
from edgeprune.history.exchange import Records
from edgeprune.pipeline.consent import ours
from edgeprune.pipeline.graph import graph_signature
from edgeprune.pipeline.missed import drop_missed, keep_missed
from edgeprune.pipeline.records import HistoryRecord
from edgeprune.pipeline.run_history import RunHistory
from edgeprune.pipeline.session import Session
from edgeprune.pipeline.stages.probe import Probe
from edgeprune.search import SearchTrial, SourceRun, Widths, sampler_spec
from edgeprune.search.translation import alike, kinds

#: Earlier searches that one learns from, and the most trials of each that are looked at.
MOST_SOURCES, MOST_TRIALS = 4, 1000
#: Earlier searches whose networks are looked at to find those.
_LOOKED_AT = 32
#: Trials are written at once where they come faster than this, seconds: a resumed search's do.
_WRITTEN_EVERY_S = 1.0


@dataclass
class Past:
    """The history, as one search sees it.

    Attributes:
        sources: earlier searches to learn from; the same on every resume.
        waiting: finished trials that the history lacks.
    """

    sources: tuple[SourceRun, ...] = ()
    _history: RunHistory | None = None
    _run: RunRecord | None = None
    _remeasure: bool = False
    _facts: dict[str, Any] = field(default_factory=dict)
    waiting: list[TrialRecord] = field(default_factory=list)
    _known: set[int] = field(default_factory=set)
    _ours: bool = True
    _begun: bool = False
    _written_at: float = 0.0

    def measured(self, widths: Widths) -> Comparison | None:
        """What this very target once measured of this very graph; None if it has to be measured."""
        if self._history is None or self._run is None or self._remeasure:
            return None
        target, candidate = self._run.target, self._run.space.candidate(widths)
        found = self._history.ask(lambda kept: kept.runs.measured(target, candidate), None)
        try:
            return None if found is None else Comparison.from_json(found["details"])
        except (KeyError, TypeError, ValueError, AttributeError, MeasurementError):
            return None  # a trial without what it takes

    def keep(
        self, trial: SearchTrial, raw_actions: Sequence[float] | None, *, here: bool = True
    ) -> None:
        """Leave a finished trial in the history; one that is there already stays.

        Args:
            trial: of this search.
            raw_actions: of the agent that proposed it.
            here: whether this process has measured it. What a directory from elsewhere brings
                along is no measurement of this device.
        """
        if self._run is None or trial.number in self._known or not (here or self._ours):
            return
        actions = None if raw_actions is None else tuple(raw_actions)
        self.waiting.append(
            TrialRecord(
                *(self._run.id, trial.number, trial.widths, trial.reward),
                *(trial.outcome.to_json(), actions),
            )
        )
        if time.monotonic() - self._written_at >= _WRITTEN_EVERY_S:
            self.write()

    def write(self, *, anyhow: bool = False) -> bool:
        """Write what is waiting, and say whether nothing is any more.

        Args:
            anyhow: try also where the history was away a moment ago.
        """
        if self._history is None or (self._begun and not self.waiting):
            return True
        if not self._history.tell(self._write, anyhow=anyhow):
            return False
        self._known.update(trial.number for trial in self.waiting)
        self.waiting.clear()
        self._written_at = time.monotonic()
        return True

    def _write(self, history: History) -> None:
        run = self._run
        if run is None:
            return
        if not self._begun:
            history.target(run.target, self._facts)
            history.runs.start(run)
            self._known |= history.runs.numbers(run.id)
            self._begun = True
        new = [trial for trial in self.waiting if trial.number not in self._known]
        history.runs.extend(run.space, new)

    def missed(self) -> Records | None:
        """What is left waiting, as a file has it."""
        if self._run is None:
            return None
        runs = [(self._run, list(self.waiting))]
        return Records(self._run.target, self._facts, runs=runs)


@contextmanager
def open_past(session: Session, probe: Probe, name: str, sampler: str) -> Iterator[Past]:
    """Open the history for one search, and record that the search has begun.

    What a resumed search learns from was written into the run directory when it began: it
    proposes what the interrupted one would have, whatever other runs have found since. A history
    that cannot be used now gets the trials later, at the end of the search or on a resume.

    Args:
        session: the open run.
        probe: its budget.
        name: the search's folder in the run directory.
        sampler: a sampler's name.

    Raises:
        HistoryError: it is no history, or of a newer version.
    """
    # Latencies of single weights are all the base model's: there is nothing to learn from them.
    history = session.history
    if history is None or session.counted is not None:
        yield Past()
        return
    facts = target_facts(session.device.conditions())
    key = target_key(facts)
    record = session.directory.record(f"history-{name}", HistoryRecord)
    if record is None:
        earlier: list[SourceRun] = []
        if name.startswith("search") and sampler_spec(sampler).learns:
            earlier = history.ask(lambda kept: _sources(kept, session, key, probe), earlier)
        found = HistoryRecord(run=uuid.uuid4().hex, sources=[one.to_json() for one in earlier])
        record = session.directory.finish(f"history-{name}", found)
    run = RunRecord(
        record.run, key, _workload(session), _facts(session, probe, name, sampler), _space(session)
    )
    sources = tuple(SourceRun.from_json(one) for one in record.sources)
    past = Past(
        *(sources, history, run, session.config.search.remeasure, facts),
        _ours=ours(session.directory),
    )
    past.write()
    try:
        yield past
    finally:
        _settle(session, past, name)


def _settle(session: Session, past: Past, name: str) -> None:
    """Write what is waiting, or keep it in the run directory."""
    missed = past.missed()
    if past.write(anyhow=True):
        drop_missed(session.directory, name)
    elif missed is not None:
        path = keep_missed(session.directory, name, [missed])
        session.reporter.log(f"history: {len(past.waiting)} trials are kept in {path.name}")


def _sources(history: History, session: Session, key: str, probe: Probe) -> list[SourceRun]:
    """The most useful earlier searches: of this target, with this reward, of a budget near by.

    Networks that are not alike are passed over: they would take the place of those that are.
    """
    ids = history.runs.useful(
        key,
        graph=graph_signature(_base(session)),
        reward=session.config.search.reward,
        budget=probe.budget,
        retrained=bool(session.retrain_images),
        most=_LOOKED_AT,
    )
    own = _kinds(_space(session))
    lines = (history.runs.line(run_id) for run_id in ids)
    # Those that are None somebody forgot just now.
    told = (line.run for line in lines if line is not None and alike(_kinds(line.run.space), own))
    return [_source(history, run) for run in islice(told, MOST_SOURCES)]


def _kinds(space: RunSpace) -> list[tuple[float, bool]]:
    """Kinds of the groups; none of a table that is broken, which tells nothing then."""
    features = np.array(space.features, np.float64)
    sound = features.shape == (len(space.groups), len(space.feature_names))
    return kinds(space.feature_names, features) if sound else []


def _source(history: History, run: RunRecord) -> SourceRun:
    trials = history.runs.glances(run.id, MOST_TRIALS)
    full = np.array(run.space.full, np.float64)
    ratios = np.array([[one.widths[g] for g in run.space.groups] for one in trials]) / full
    actions = [
        row if one.raw_actions is None else np.array(one.raw_actions)
        for one, row in zip(trials, ratios, strict=True)
    ]
    facts = run.facts
    model = run.workload.get("model", "a model")
    return SourceRun(
        f"{model}, {facts['sampler']}, {facts['budget']:.3g}x, run {run.id[:12]}",
        run.space.feature_names,
        np.array(run.space.features, np.float64),
        ratios,
        np.array([one.reward for one in trials]),
        np.array([one.latency_ratio for one in trials]),
        float(facts["budget"]),
        np.array(actions),
    )


def _facts(session: Session, probe: Probe, name: str, sampler: str) -> dict[str, Any]:
    config = session.config.search
    return {
        "search": name,
        "sampler": session.config.finder if name.startswith("search") else sampler,
        "seed": config.seed,
        "budget": probe.budget,
        "reward": config.reward,
        "trials": config.trials,
        "retrain_images": session.retrain_images,
    }


def _workload(session: Session) -> dict[str, Any]:
    model, data = session.config.workload.model, session.config.workload.data
    facts = {"model": model.name, "data": data.name, "shortcut": model.shortcut}
    return {**facts, "graph": graph_signature(_base(session))}


def _space(session: Session) -> RunSpace:
    space = session.channels
    return RunSpace(
        tuple(group.name for group in space.free),
        tuple(group.channels for group in space.free),
        space.feature_names,
        tuple(tuple(map(float, row)) for row in space.features),
        graph_signature(_base(session)),
    )


def _base(session: Session) -> bytes:
    """What candidates are measured beside, as ONNX; of its kind are they themselves."""
    return session.baseline if session.form == "onnx" else session.template.base
