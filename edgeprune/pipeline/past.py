"""What a search takes from the history, and what it leaves there."""

import uuid
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import numpy as np

from edgeprune.devices import Comparison
from edgeprune.errors import MeasurementError
from edgeprune.history import (
    History,
    RunLine,
    RunRecord,
    RunSpace,
    TrialRecord,
    target_facts,
    target_key,
)
from edgeprune.pipeline.graph import graph_signature
from edgeprune.pipeline.records import HistoryRecord
from edgeprune.pipeline.session import Session
from edgeprune.pipeline.stages.probe import Probe
from edgeprune.search import SearchTrial, SourceRun, Widths, sampler_spec

#: Earlier searches that one learns from, and the most trials of each that are looked at.
MOST_SOURCES = 4


@dataclass(frozen=True)
class Past:
    """The history, as one search sees it.

    Attributes:
        sources: earlier searches to learn from; the same on every resume.
    """

    sources: tuple[SourceRun, ...] = ()
    _history: History | None = None
    _run: RunRecord | None = None
    _remeasure: bool = False

    def measured(self, widths: Widths) -> Comparison | None:
        """What this very target once measured of this very graph; None if it has to be measured.

        Raises:
            HistoryError: the history cannot be read.
        """
        if self._history is None or self._run is None or self._remeasure:
            return None
        found = self._history.runs.measured(self._run.target, self._run.space.candidate(widths))
        try:
            return None if found is None else Comparison.from_json(found["details"])
        except (KeyError, TypeError, ValueError, AttributeError, MeasurementError):
            return None  # somebody's file had a trial without what it takes

    def keep(self, trial: SearchTrial, raw_actions: Sequence[float] | None) -> None:
        """Leave a finished trial in the history; one that is there already stays.

        Raises:
            HistoryError: the history cannot be written.
        """
        if self._history is None or self._run is None:
            return
        actions = None if raw_actions is None else tuple(raw_actions)
        record = TrialRecord(
            self._run.id, trial.number, trial.widths, trial.reward, trial.outcome.to_json(), actions
        )
        self._history.runs.add(self._run.space, record)


@contextmanager
def open_past(session: Session, probe: Probe, name: str, sampler: str) -> Iterator[Past]:
    """Open the history for one search, and record that the search has begun.

    What a resumed search learns from was written into the run directory when it began: it
    proposes what the interrupted one would have, whatever other runs have found since.

    Args:
        session: the open run.
        probe: its budget.
        name: the search's folder in the run directory.
        sampler: a sampler's name.

    Raises:
        HistoryError: the history cannot be read or written.
    """
    # Latencies of single weights are all the base model's: there is nothing to learn from them.
    if session.config.history == "none" or session.counted is not None:
        yield Past()
        return
    with History.open(session.history_url) as history:
        facts = target_facts(session.device.conditions())
        key = target_key(facts)
        history.target(key, facts)
        record = session.directory.record(f"history-{name}", HistoryRecord)
        if record is None:
            wanted = name.startswith("search") and sampler_spec(sampler).learns
            earlier = _sources(history, session, key, probe) if wanted else []
            found = HistoryRecord(run=uuid.uuid4().hex, sources=[one.to_json() for one in earlier])
            record = session.directory.finish(f"history-{name}", found)
        run = RunRecord(
            record.run,
            key,
            _workload(session),
            _facts(session, probe, name, sampler),
            _space(session),
        )
        history.runs.start(run)
        sources = tuple(SourceRun.from_json(one) for one in record.sources)
        yield Past(sources, history, run, session.config.search.remeasure)


def _sources(history: History, session: Session, key: str, probe: Probe) -> list[SourceRun]:
    """The most useful earlier searches: of this target, with this reward, of a budget near by."""
    found = []
    for line in history.runs.lines():
        facts = line.run.facts
        if line.trials and facts.get("reward") == session.config.search.reward:
            # Trials of joint training were scored with weights that had learned to be cut.
            if facts.get("sampler") != "joint":
                found.append(line)
    graph = graph_signature(_base(session))

    def usefulness(line: RunLine) -> tuple[bool, bool, float, bool, int]:
        away = abs(float(line.run.facts["budget"]) - probe.budget)
        other = line.run.space.graph != graph
        trained = bool(line.run.facts.get("retrain_images")) != bool(session.retrain_images)
        return (line.run.target != key, trained, round(away, 2), other, -line.trials)

    # The newest of equals: the list is in the order of time, and sorting keeps it.
    return [_source(history, one) for one in sorted(found[::-1], key=usefulness)[:MOST_SOURCES]]


def _source(history: History, line: RunLine) -> SourceRun:
    run, trials = line.run, history.runs.trials(line.run.id)
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
        np.array([one.outcome["latency_ratio"] for one in trials]),
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
    """What candidates are measured beside; of its kind are they themselves."""
    return session.baseline
