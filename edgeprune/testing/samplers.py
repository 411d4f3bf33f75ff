"""Conformance kit for samplers, and small pruning problems to search.

Hold your own sampler to the contract that a search relies on::

    import pytest
    from edgeprune.testing.samplers import SamplerConformance
    from my_project.sampler import MySampler


    class TestMine(SamplerConformance):
        @pytest.fixture
        def make(self):
            return lambda problem, seed, trials: MySampler(problem, seed)
"""

import itertools
import random
import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import optuna
import pytest
import torch
from optuna.samplers import BaseSampler

from edgeprune.errors import MeasurementError
from edgeprune.search import Outcome, SearchProblem, SearchResult, Widths, run_search

#: Builds a fresh sampler from a problem, a seed and the number of trials.
MakeSampler = Callable[[SearchProblem, int, int], BaseSampler]


@dataclass(frozen=True)
class SmallNet:
    """A chain of layers with a known accuracy: a pruning problem that takes no time.

    Some layers hardly matter and others a lot, so that uniform widths are far from the best.

    Attributes:
        channels: full width of each layer.
        sensitivity: accuracy lost, as a share of what is left, when the layer is cut away.
        target: latency budget as a ratio.
        multiple: widths are multiples of this.
        noise: standard deviation of the measured accuracy, as of a small reward split.
        blocks: indices of layers that may go together, as a residual block's branch does.
        curves: whether the search is told how sensitive the layers are.
    """

    channels: tuple[int, ...] = (16, 16, 32, 32, 64, 64)
    sensitivity: tuple[float, ...] = (1.0, 0.15, 0.1, 1.0, 0.4, 0.1)
    target: float = 0.5
    multiple: int = 1
    noise: float = 0.0
    blocks: tuple[tuple[int, ...], ...] = ()
    curves: bool = False
    names: tuple[str, ...] = field(init=False)

    def __post_init__(self) -> None:
        names = tuple(f"layer{index}" for index in range(len(self.channels)))
        object.__setattr__(self, "names", names)

    def problem(self) -> SearchProblem:
        """What a search sees of this net."""
        may_go = {layer for block in self.blocks for layer in block}
        choices = {
            name: (0,) * (index in may_go) + tuple(range(self.multiple, full + 1, self.multiple))
            for index, (name, full) in enumerate(zip(self.names, self.channels, strict=True))
        }
        features = np.column_stack([np.arange(len(self.channels)), self.channels])
        return SearchProblem(
            groups=self.names,
            choices=choices,
            features=features.astype(np.float64),
            feature_names=("index", "channels"),
            macs=self.macs,
            cost=self.latency_ratio,
            target=self.target,
            branches=tuple(tuple(self.names[layer] for layer in block) for block in self.blocks),
            curves=self._curves(choices) if self.curves else None,
        )

    def macs(self, widths: Widths) -> float:
        """Multiply-accumulates: each layer reads the one before it; after a block, its input."""
        firsts, lasts = ({block[end] for block in self.blocks} for end in (0, -1))
        total, read = 0, 3
        stream = read
        for index, (name, full) in enumerate(zip(self.names, self.channels, strict=True)):
            stream = read if index in firsts else stream
            total += 9 * (1024 * 16 * 16 // full**2) * read * widths[name]
            read = stream if index in lasts else widths[name]
        return float(total)

    def latency_ratio(self, widths: Widths) -> float:
        """MACs, the memory that is written, and a constant."""
        full = dict(zip(self.names, self.channels, strict=True))
        memory = sum(widths[name] / full[name] for name in self.names) / len(full)
        return 0.65 * self.macs(widths) / self.macs(full) + 0.2 * memory + 0.15

    def accuracy(self, widths: Widths) -> float:
        """Accuracy without noise."""
        parts = zip(self.names, self.channels, self.sensitivity, strict=True)
        loss = sum(matters * (1 - widths[name] / full) ** 2 for name, full, matters in parts)
        return float(0.1 + 0.75 * np.exp(-2 * loss))

    def _curves(self, choices: dict[str, tuple[int, ...]]) -> dict[str, list[float]]:
        parts = zip(self.names, self.channels, self.sensitivity, strict=True)
        curves = {
            name: [matters * (1 - width / full) ** 2 for width in choices[name]]
            for name, full, matters in parts
        }
        for block in self.blocks:
            first, *others = (self.names[layer] for layer in block)
            for other in others:
                curves[first][0] += curves[other][0]
                curves[other][0] = 0.0
        return curves

    def evaluate(self, widths: Widths) -> Outcome:
        """An outcome as an evaluator gives it; the noise depends on the widths alone."""
        noise = np.random.default_rng(list(widths.values())).standard_normal()
        ratio = self.latency_ratio(widths)
        return Outcome(
            accuracy=self.accuracy(widths) + self.noise * float(noise),
            latency_ms=10 * ratio,
            latency_ratio=ratio,
            macs=int(self.macs(widths)),
            parameters=sum(widths.values()),
            bytes=4 * sum(widths.values()),
            details={"seconds": {"accuracy": 0.01, "latency": 0.02}},
        )


class Scrambled:
    """Evaluates for several threads, and answers in an order that depends on a seed alone.

    Args:
        evaluate: widths to outcome.
        outstanding: so many threads come in at once.
        trials: outcomes that are wanted in all.
        began: those that there were before.
        killed_after: outcomes after which everybody is interrupted.
        seed: of the order.
    """

    def __init__(
        self,
        evaluate: Callable[[Widths], Outcome],
        outstanding: int,
        trials: int,
        began: int = 0,
        killed_after: int | None = None,
        seed: int = 0,
    ) -> None:
        self._evaluate, self._seed = evaluate, seed
        self._outstanding, self._trials, self._killed_after = outstanding, trials, killed_after
        self._done = began
        self._waiting: list[tuple[int, ...]] = []
        self._next: tuple[int, ...] | None = None
        self._killed = False
        self._last: threading.Thread | None = None
        self._changed = threading.Condition()

    def __call__(self, widths: Widths) -> Outcome:
        """Wait for one's turn, which comes once all others wait, too."""
        key = tuple(widths.values())
        with self._changed:
            self._waiting.append(key)
            self._choose()
            self._changed.wait_for(lambda: self._next == key or self._killed)
            if self._killed:
                raise KeyboardInterrupt
            self._waiting.remove(key)
            self._next = None
            self._done += 1
            before, self._last = self._last, threading.current_thread()
            self._choose()
        if before is not None and before is not threading.current_thread():
            before.join()  # its answer has been given then
        return self._evaluate(widths)

    def _choose(self) -> None:
        open_ = min(self._outstanding, self._trials - self._done)
        if self._waiting and self._next is None and len(self._waiting) == open_:
            self._killed = self._done == self._killed_after
            order = random.Random(f"{self._seed} {self._done}")
            self._next = order.choice(sorted(self._waiting))
            self._changed.notify_all()


def accuracy_reward(outcome: Outcome) -> float:
    """The accuracy."""
    return outcome.accuracy


class SamplerConformance:
    """The contract of a sampler of widths; override the fixture `make`.

    Attributes:
        trials: how many trials the tests run; more than a warm-up.
        random: whether another seed gives other proposals.
        partial_plans: whether candidates above the budget are evaluated on the way into it.
        several: whether several of its proposals may be under evaluation at once, as its
            `SamplerSpec` says.
    """

    trials = 12
    random = True
    partial_plans = False
    several = True

    @pytest.fixture
    def make(self) -> MakeSampler:
        """Builds a fresh sampler."""
        raise NotImplementedError

    @pytest.fixture
    def net(self) -> SmallNet:
        """What is searched."""
        return SmallNet()

    def _search(
        self,
        make: MakeSampler,
        net: SmallNet,
        directory: Path,
        *,
        seed: int = 0,
        evaluate: Callable[[Widths], Outcome] | None = None,
        enqueue: tuple[Widths, ...] = (),
        outstanding: int = 1,
    ) -> list[Widths]:
        problem = net.problem()
        sampler = make(problem, seed, self.trials)
        result = run_search(
            problem,
            sampler,
            evaluate or net.evaluate,
            accuracy_reward,
            trials=self.trials,
            directory=directory,
            enqueue=enqueue,
            outstanding=outstanding,
        )
        return [trial.widths for trial in result.trials]

    def test_proposals_are_allowed_and_inside_the_budget(
        self, make: MakeSampler, net: SmallNet, tmp_path: Path
    ) -> None:
        """Every proposal is complete, of allowed widths, and fits (partial plans: at the end)."""
        problem = net.problem()
        proposals = self._search(make, net, tmp_path)
        assert len(proposals) == self.trials
        for widths in proposals:
            assert problem.check(widths) == widths
            assert self.partial_plans or problem.fits(widths)
        assert any(map(problem.fits, proposals))

    def test_nothing_is_evaluated_twice(
        self, make: MakeSampler, net: SmallNet, tmp_path: Path
    ) -> None:
        """Equal widths cost a measurement and teach nothing."""
        keys = [tuple(widths.values()) for widths in self._search(make, net, tmp_path)]
        assert len(set(keys)) == len(keys)

    def test_the_seed_fixes_all_proposals(
        self, make: MakeSampler, net: SmallNet, tmp_path: Path
    ) -> None:
        """Equal seeds agree, other seeds differ."""
        first = self._search(make, net, tmp_path / "first", seed=3)
        torch.rand(5), np.random.rand(5)  # Must not matter.
        assert self._search(make, net, tmp_path / "again", seed=3) == first
        if self.random:
            assert self._search(make, net, tmp_path / "other", seed=4) != first

    def test_global_generators_are_left_alone(
        self, make: MakeSampler, net: SmallNet, tmp_path: Path
    ) -> None:
        """Neither building nor running a sampler changes what others draw."""
        draws: list[tuple[float, float, float]] = []
        for _ in range(2):
            random.seed(7), np.random.seed(7), torch.manual_seed(7)
            if not draws:
                self._search(make, net, tmp_path)
            draws.append((random.random(), np.random.rand(), torch.rand(1).item()))
        assert draws[0] == draws[1]

    @pytest.mark.parametrize("killed_after", [1, 5, 7, 11])
    def test_a_killed_search_goes_on_as_if_nothing_had_happened(
        self, make: MakeSampler, net: SmallNet, tmp_path: Path, killed_after: int
    ) -> None:
        """The same trials, none of them evaluated again."""
        whole = self._search(make, net, tmp_path / "whole")
        evaluated: list[Widths] = []

        def until_killed(widths: Widths) -> Outcome:
            if len(evaluated) == killed_after:
                raise KeyboardInterrupt
            evaluated.append(widths)
            return net.evaluate(widths)

        def go_on(widths: Widths) -> Outcome:
            evaluated.append(widths)
            return net.evaluate(widths)

        with pytest.raises(KeyboardInterrupt):
            self._search(make, net, tmp_path / "killed", evaluate=until_killed)
        assert self._search(make, net, tmp_path / "killed", evaluate=go_on) == whole
        assert evaluated == whole

    def test_several_proposals_may_be_open_at_once(
        self, make: MakeSampler, net: SmallNet, tmp_path: Path
    ) -> None:
        """All different and allowed, whatever order they are answered in; a kill changes none."""
        if not self.several:
            pytest.skip("it proposes one after the other, as its spec says")
        problem = net.problem()
        whole = self._scrambled(make, net, tmp_path / "whole")
        assert len(whole) == self.trials
        assert len({tuple(widths.values()) for widths in whole}) == len(whole)
        assert all(problem.check(widths) == widths for widths in whole)
        assert self.partial_plans or all(map(problem.fits, whole))

        with pytest.raises(KeyboardInterrupt):
            self._scrambled(make, net, tmp_path / "killed", killed_after=8)
        assert self._scrambled(make, net, tmp_path / "killed", began=8) == whole

    def _scrambled(
        self,
        make: MakeSampler,
        net: SmallNet,
        directory: Path,
        *,
        began: int = 0,
        killed_after: int | None = None,
    ) -> list[Widths]:
        evaluate = Scrambled(net.evaluate, 4, self.trials, began, killed_after)
        return self._search(make, net, directory, evaluate=evaluate, outstanding=4)

    def test_failed_trials_are_set_aside_and_the_search_goes_on(
        self, make: MakeSampler, net: SmallNet, tmp_path: Path
    ) -> None:
        """The first one, two in a row, and a later one: neither counted nor proposed again."""
        whole = self._on_a_flaky_device(make, net, tmp_path / "whole")
        assert len(whole.trials) == self.trials
        assert [one.reason for one in whole.set_aside] == ["the device was lost"] * 4
        evaluated = [one.widths for one in whole.trials] + [one.widths for one in whole.set_aside]
        assert len({tuple(widths.values()) for widths in evaluated}) == len(evaluated)
        assert all(one.outcome == net.evaluate(one.widths) for one in whole.trials)

        # Killed in the middle of failures, after a snapshot.
        with pytest.raises(KeyboardInterrupt):
            self._on_a_flaky_device(make, net, tmp_path / "killed", killed_before=9)
        resumed = self._on_a_flaky_device(make, net, tmp_path / "killed", began=9)
        assert [one.widths for one in resumed.trials] == [one.widths for one in whole.trials]
        aside = [one.widths for one in resumed.set_aside]
        assert aside == [one.widths for one in whole.set_aside]

    def _on_a_flaky_device(
        self,
        make: MakeSampler,
        net: SmallNet,
        directory: Path,
        *,
        killed_before: int | None = None,
        began: int = 0,
    ) -> SearchResult:
        evaluations = itertools.count(began)

        def evaluate(widths: Widths) -> Outcome:
            place = next(evaluations)
            if place == killed_before:
                raise KeyboardInterrupt
            if place in (0, 3, 4, 9):
                msg = "the device was lost"
                raise MeasurementError(msg)
            return net.evaluate(widths)

        problem = net.problem()
        sampler = make(problem, 0, self.trials)
        return run_search(
            *(problem, sampler, evaluate, accuracy_reward),
            trials=self.trials,
            directory=directory,
        )

    def test_enqueued_widths_come_first_and_only_once(
        self, make: MakeSampler, net: SmallNet, tmp_path: Path
    ) -> None:
        """Also when the search is resumed."""
        first = ({**net.problem().smallest, "layer0": 5}, {**net.problem().smallest, "layer0": 4})
        proposals = self._search(make, net, tmp_path, enqueue=first)
        assert tuple(proposals[:2]) == first
        assert all(widths not in first for widths in proposals[2:])

    def test_works_in_a_plain_optuna_study(self, make: MakeSampler, net: SmallNet) -> None:
        """As any sampler of Optuna, with `edgeprune.search.distributions` as its space."""
        problem = net.problem()

        def objective(trial: optuna.Trial) -> float:
            widths = {
                name: trial.suggest_int(name, problem.choices[name][0], full)
                for name, full in zip(net.names, net.channels, strict=True)
            }
            assert self.partial_plans or problem.fits(widths)
            if trial.number == 1:
                raise optuna.TrialPruned
            return net.accuracy(widths)

        study = optuna.create_study(direction="maximize", sampler=make(problem, 0, self.trials))
        study.optimize(objective, n_trials=5)
        assert len(study.trials) == 5
        assert study.best_value > 0.1
