"""What the samplers of `bocr.py` search: no benchmark itself."""

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass, replace
from functools import cache, partial
from pathlib import Path

import numpy as np
import torch
from surrogate import surrogate_evaluator
from task import Task, open_task

from edgeprune.evaluation import accuracy
from edgeprune.search import Outcome, SearchProblem, Widths
from edgeprune.testing.samplers import SmallNet

BUDGET = 0.5
_MODEL = "resnet56"
#: Test images that the best candidate of a search is scored on.
UNSEEN_IMAGES = 1000
_KINDS = (0.02, 0.1, 0.5)  # accuracy lost with a layer of the synthetic net, by kind


@dataclass(frozen=True)
class Setting:
    """One search problem with its evaluation.

    Attributes:
        problem: a fresh one: it has learnt nothing of the latency yet.
        evaluate: widths to outcome.
        unseen: accuracy of widths on images that no search sees.
        sensitivity: of each group, as the benchmark's protocol says.
    """

    problem: Callable[[], SearchProblem]
    evaluate: Callable[[Widths], Outcome]
    unseen: Callable[[Widths], float]
    sensitivity: Callable[[], list[float]]


def deep_net(layers: int = 27) -> SmallNet:
    """Layers of three sensitivities in no order."""
    third = layers // 3
    return SmallNet(
        channels=(16,) * third + (32,) * third + (64,) * third,
        sensitivity=tuple(_KINDS[kind] for kind in _order(layers)),
        noise=0.005,
    )


@contextmanager
def synthetic(folder: Path, images: int) -> Iterator[Setting]:
    """Formulas; importance scores of each kind of layer have a spread of their own."""
    net = deep_net()
    draw = np.random.default_rng(3)
    scores = {
        name: draw.normal(20, (0.5, 1.5, 4.0)[kind], full)
        for name, full, kind in zip(net.names, net.channels, _order(27), strict=True)
    }
    full = net.problem().full

    def sensitivity() -> list[float]:
        found = []
        for name in net.names:
            cut = {**full, name: full[name] // 2}
            loss = np.log(net.accuracy(full) / net.accuracy(cut))
            found.append(float(np.log(loss / (1 - net.latency_ratio(cut)))))
        return found

    yield Setting(
        problem=lambda: replace(net.problem(), scores=scores),
        evaluate=net.evaluate,
        unseen=net.accuracy,
        sensitivity=sensitivity,
    )


@contextmanager
def latency(folder: Path, images: int, *, fitted: bool = False) -> Iterator[Setting]:
    """The shared ResNet-56 on the simulated target."""
    with open_task(_MODEL, budget=BUDGET, images=images, folder=folder) as task:
        yield _setting(task, task.problem, _evaluator(task, fitted))


@contextmanager
def macs(folder: Path, images: int, *, fitted: bool = False) -> Iterator[Setting]:
    """The same with multiply-accumulates in place of latency."""
    with open_task(_MODEL, budget=BUDGET, images=images, folder=folder) as task:
        full = task.problem().macs(task.problem().full)
        measure = _evaluator(task, fitted)

        def evaluate(widths: Widths) -> Outcome:
            outcome = measure(widths)
            return replace(outcome, latency_ratio=outcome.macs / full, details={})

        def problem() -> SearchProblem:
            found = task.problem()
            return replace(
                found,
                cost=lambda widths: found.macs(widths) / full,
                target=BUDGET,
                observe=lambda widths, outcome: None,
            )

        yield _setting(task, problem, evaluate)


def _evaluator(task: Task, fitted: bool) -> Callable[[Widths], Outcome]:
    return surrogate_evaluator(task, _MODEL) if fitted else task.evaluator()


def _setting(
    task: Task, problem: Callable[[], SearchProblem], evaluate: Callable[[Widths], Outcome]
) -> Setting:
    session = task.session
    test = session.workload.splits.test.subset(UNSEEN_IMAGES, 0)

    @cache
    def sensitivity() -> list[float]:
        found, start = problem(), _cross_entropy(task, problem().full)
        values = []
        for group in found.groups:
            cut = {**found.full, group: found.nearest_choice(group, found.full[group] / 2)}
            rise = max(_cross_entropy(task, cut) - start, 1e-4)
            values.append(float(np.log(rise / (found.cost(found.full) - found.cost(cut)))))
        return values

    return Setting(
        problem=problem,
        evaluate=evaluate,
        unseen=lambda widths: accuracy(session.recovery.recover(session.plan(widths)), test),
        sensitivity=sensitivity,
    )


@torch.no_grad()
def _cross_entropy(task: Task, widths: Widths) -> float:
    session = task.session
    model = session.recovery.recover(session.plan(widths))
    losses = [
        torch.nn.functional.cross_entropy(model(images), labels, reduction="none")
        for images, labels in session.workload.splits.reward.batches(250)
    ]
    return float(torch.cat(losses).mean())


def _order(layers: int) -> np.ndarray:
    return np.random.default_rng(7).permutation(np.repeat([0, 1, 2], layers // 3))


SETTINGS: dict[str, Callable[[Path, int], AbstractContextManager[Setting]]] = {
    "latency": latency,
    "macs": macs,
    "latency_fitted": partial(latency, fitted=True),
    "macs_fitted": partial(macs, fitted=True),
    "synthetic": synthetic,
}
