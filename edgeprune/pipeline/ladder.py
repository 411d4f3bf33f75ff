"""The ladder: one bundle for each regime of a QLP search, not only for the last."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from edgeprune.files import write_json
from edgeprune.pipeline.bundling import copy_bundle, manifest_head
from edgeprune.pipeline.session import Session
from edgeprune.pipeline.settling import FINALISTS
from edgeprune.search import SearchResult, SearchTrial
from edgeprune.search.samplers.stepwise_options import QlpOptions


@dataclass(frozen=True)
class Rung:
    """What one regime of a search found.

    Attributes:
        name: of its contender.
        kind: ``latency`` or ``sparsity``: what the regime is about.
        regime: its cost, a ratio to the base model: latency, or the share of weights kept.
        trials: the best within it, best first.
    """

    name: str
    kind: str
    regime: float
    trials: tuple[SearchTrial, ...]

    @property
    def text(self) -> str:
        """``0.8x`` of the latency, or ``90%`` sparsity."""
        return f"{self.regime:g}x" if self.kind == "latency" else f"{100 - 100 * self.regime:g}%"

    @property
    def folder(self) -> str:
        """Where its bundle is, in the run directory."""
        return f"ladder/{self.kind}-{self.text.rstrip('%')}"


def regimes(sampler: str, options: Mapping[str, Any], target: float) -> tuple[float, ...]:
    """The costs that a search leads down over; the last is the budget.

    Args:
        sampler: its name; only QLP has regimes.
        options: the sampler's.
        target: the budget, as a ratio to the base model.

    Returns:
        Nothing where there is no ladder.

    Raises:
        SearchError: an option is wrong.
    """
    if sampler != "qlp":
        return ()
    found = QlpOptions.from_mapping(options).ladder(target)
    return found if len(found) > 1 else ()


def rungs(
    found: SearchResult,
    wanted: Sequence[float],
    cost: Callable[[SearchTrial], float],
    kind: str,
) -> list[Rung]:
    """The best trials within each regime; a regime that nothing met has no rung."""
    steps = []
    for regime in wanted:
        within = [trial for trial in found.trials if cost(trial) <= regime]
        best = sorted(within, key=lambda trial: -trial.reward)[:FINALISTS]
        if best:
            steps.append(Rung(f"ladder-{regime:g}", kind, regime, tuple(best)))
    return steps


def write_rungs(
    session: Session, finished: Sequence[tuple[Rung, dict[str, Any]]]
) -> list[dict[str, Any]]:
    """Write ``ladder/<regime>/``: model, plan, weights and a manifest, as `load_bundle` reads.

    Args:
        session: the open run.
        finished: rungs and the records of their contenders.

    Returns:
        One line a rung for the run's own manifest.
    """
    lines = []
    for rung, record in finished:
        folder = session.directory.path / rung.folder
        folder.mkdir(parents=True, exist_ok=True)
        line = {
            "regime": rung.text,
            "path": rung.folder,
            "accuracy": record["verification"]["accuracy"],
            "cost": record["ratio"] if rung.kind == "latency" else record["density"],
            "ratio": record["ratio"],
            "bytes": record["bytes"],
            "compressed": record.get("compressed"),
            "parameters": record["parameters"],
            "met": record["met"],
        }
        manifest = {
            **manifest_head(session),
            "regime": rung.text,
            "files": copy_bundle(session.directory, rung.name, folder),
            "widths": record["widths"],
            "result": record,
        }
        write_json(folder / "manifest.json", manifest)
        lines.append(line)
    return lines
