"""The ladder: a bundle for each regime of a QLP search, or for each budget of a run."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from edgeprune.latency import NetModel
from edgeprune.pipeline.field import BASELINES
from edgeprune.pipeline.finishing import finish
from edgeprune.pipeline.goals import Goal
from edgeprune.pipeline.records import Finished, Race, RungManifest
from edgeprune.pipeline.regimes import regimes
from edgeprune.pipeline.session import Session
from edgeprune.pipeline.stages.bundle import asked, copy_bundle, manifest_head
from edgeprune.pipeline.stages.contenders import settler_of
from edgeprune.records import write_record
from edgeprune.report.ladder import Point, Rung
from edgeprune.search import SearchResult, Widths, read_trials


@dataclass(frozen=True)
class Step:
    """What one regime of a search found.

    Attributes:
        name: of its contender.
        kind: ``latency`` or ``sparsity``: what the regime is about.
        regime: its cost, a ratio to the base model: latency, or the share of weights kept.
        widths: the best trial's within it; empty: what the run hands over.
    """

    name: str
    kind: str
    regime: float
    widths: Widths

    @property
    def text(self) -> str:
        """``0.8x`` of the latency, or ``90%`` sparsity."""
        return f"{self.regime:g}x" if self.kind == "latency" else f"{100 - 100 * self.regime:g}%"

    @property
    def folder(self) -> str:
        """Where its bundle is, in the run directory."""
        return f"ladder/{self.kind}-{self.text.rstrip('%')}"


def rungs(found: SearchResult, wanted: Sequence[float], kind: str) -> list[Step]:
    """The best trials within each regime; a regime that nothing met has no rung."""
    steps = []
    for regime in wanted:
        within = [trial for trial in found.trials if trial.outcome.cost <= regime]
        if within:
            best = max(within, key=lambda trial: trial.reward)
            steps.append(Step(f"ladder-{regime:g}", kind, regime, best.widths))
    return steps


def climb(session: Session, goal: Goal, kernels: NetModel | None) -> list[Rung]:
    """Finish what a search with regimes found for each, as a bundle; the last is the result.

    Args:
        session: the open run.
        goal: the budget.
        kernels: latency of the model from the target's kernels, where they are known.

    Returns:
        One line a regime for the run's own manifest; none where there are no regimes.
    """
    found = SearchResult(
        tuple(read_trials(session.directory.path / goal.named("search"))), goal.limit
    )
    wanted = regimes(session.config, goal.limit)
    if not wanted or not found.trials:
        return []
    counted = session.counted is not None
    kind = "sparsity" if counted else "latency"
    settler = None if counted else settler_of(session, goal, (found,), kernels)
    last = Step("result", kind, goal.limit, {})
    lines = []
    for step in (*rungs(found, wanted[:-1], kind), last):
        record = session.directory.record(step.name, Finished)
        if record is None:
            widths, within = step.widths, settler and replace(settler, limit=step.regime)
            if within is not None:
                widths = within.settle(widths).widths
            record = finish(session, step.name, widths, step.regime, settler=within)
        write_rung(session, step.folder, step.name, record, {"regime": step.text})
        lines.append(rung(step.text, step.folder, record))
    return lines


def write_frontier(
    session: Session, reached: Sequence[tuple[Goal, Mapping[str, Finished] | None]]
) -> list[Rung]:
    """Write ``ladder/latency-<budget>/`` for every budget of a run but its own, the tightest.

    Args:
        session: the open run.
        reached: the budgets, loose to tight, with the records of ``result`` and of the baselines;
            None where even the smallest candidate misses the budget: then it misses the next
            ones too, and the run's own result, which is that candidate, stands for all of them.

    Returns:
        One line a budget for the run's own manifest, with accuracy and latency of the baselines.
    """
    lines = []
    own = dict(reached[-1][1] or {})
    for goal, records in reached:
        found = own if records is None else records
        result = found["result"]
        if not goal.own:
            raced = session.directory.record(goal.named("race"), Race) or Race()
            more = {
                "budget": asked(session, goal, result),
                "race": raced.with_winner(result.found_by),
            }
            write_rung(session, goal.folder, result.name, result, more)
        lines.append(rung(goal.text, goal.folder, result, found))
    return lines


def write_rung(
    session: Session, folder: str, contender: str, record: Finished, more: dict[str, Any]
) -> None:
    """Write the bundle of a finished contender beside the run's own.

    Args:
        session: the open run.
        folder: in the run directory.
        contender: names its files.
        record: of it.
        more: what else its manifest says.
    """
    path = session.directory.path / folder
    path.mkdir(parents=True, exist_ok=True)
    manifest = RungManifest(
        **manifest_head(session),
        **more,
        files=copy_bundle(session.directory, contender, path),
        widths=record.widths,
        result=record,
    )
    write_record(path / "manifest.json", manifest)


def rung(
    regime: str, path: str, record: Finished, others: Mapping[str, Finished] | None = None
) -> Rung:
    """The line of a finished contender in the run's own manifest.

    Args:
        regime: what was asked of it, as a person writes it.
        path: of its bundle, in the run directory.
        record: of it.
        others: models of the same budget by role; the baselines among them are told.
    """
    return Rung(
        regime=regime,
        path=path,
        accuracy=record.verification.accuracy,
        cost=record.cost,
        ratio=record.ratio,
        bytes=record.bytes,
        compressed=record.compressed,
        parameters=record.parameters,
        met=record.met,
        found_by=record.found_by,
        beside={
            role: Point(one.verification.accuracy, one.cost)
            for role, one in (others or {}).items()
            if role in BASELINES["channels"]
        },
    )
