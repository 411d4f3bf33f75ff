"""The trainings and comparisons of `joint.py`: no benchmark itself.

Every part of a seed leaves a JSON file and is not done twice.
"""

import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from task import ROOT

from edgeprune.config import dump_pipeline, load_pipeline
from edgeprune.evaluation import accuracy
from edgeprune.joint import JointEpoch, JointResult, Rounds, Scorer
from edgeprune.joint.representation import Representation, Steps
from edgeprune.pipeline.finishing import finish
from edgeprune.pipeline.goals import goals
from edgeprune.pipeline.problems import search_problem
from edgeprune.pipeline.progress import Reporter
from edgeprune.pipeline.records import Finished
from edgeprune.pipeline.run_directory import RunDirectory
from edgeprune.pipeline.session import Session, open_session
from edgeprune.pipeline.settling import settle_uniform
from edgeprune.pipeline.stages.contenders import settler_of
from edgeprune.pipeline.stages.joint import schedule_of, train_together
from edgeprune.pipeline.stages.probe import probe
from edgeprune.pipeline.stages.search import search
from edgeprune.search import Widths
from edgeprune.training import fit


@dataclass(frozen=True)
class Protocol:
    """How long the trainings are, in epochs.

    Attributes:
        cut: of the network that joint training cuts.
        epochs: of the base model of the rival that has as much compute.
        tuning: of its fine-tuning.
        long_epochs: of the base model of the rival that joint training has 60 % of.
        long_tuning: of its fine-tuning.
        scratch: of the uniform network that has as much compute.
        settings: of the pipeline.
    """

    cut: int
    epochs: int
    tuning: int
    long_epochs: int
    long_tuning: int
    scratch: int
    settings: tuple[str, ...]


CIFAR = Protocol(10, 8, 4, 13, 7, 20, ())
DIGITS = Protocol(
    *(14, 12, 4, 20, 7, 28),
    (
        "workload.data={name: digits, reward_split: 0.25, seed: 0}",
        "joint={warmup: 2, fill: 2, joint: 4, settle: 1, decoder_updates: 200, "
        "agent_updates: 1000, images: 256, batch_size: 64, weight_decay: 5.0e-4}",
    ),
)
#: Untrained representations that are trained for one figure.
_INITIALISATIONS = 3


class Parts:
    """The parts of one seed.

    Args:
        folder: of all seeds.
        seed: of weights, order, reward images, search and fine-tuning.
        protocol: lengths and data.
    """

    def __init__(self, folder: Path, seed: int, protocol: Protocol) -> None:
        self._folder, self._seed, self._protocol = folder / str(seed), seed, protocol
        self._parts: dict[str, Callable[[], dict[str, Any]]] = {
            "joint": self._joint,
            "amc": lambda: self._classic("amc", protocol.epochs, protocol.tuning, rivals=True),
            "long": lambda: self._classic(
                "long", protocol.long_epochs, protocol.long_tuning, rivals=False
            ),
            "decoder": self._decoder,
            "agents": self._agents,
            "drop": self._drop,
        }

    def of(self, name: str) -> dict[str, Any]:
        """What a part found; it is done now if it has not been before."""
        path = self._folder / f"{name}.json"
        if not path.exists():
            self._folder.mkdir(parents=True, exist_ok=True)
            path.write_text(json.dumps(self._parts[name]()))
        return dict(json.loads(path.read_text()))

    def _joint(self) -> dict[str, Any]:
        def keep(epoch: JointEpoch, model: torch.nn.Module) -> None:
            path = self._weights(epoch.epoch)
            if not path.exists():  # a run that is taken up tells of its old epochs once more
                torch.save(model.state_dict(), path)

        with self._directory("joint", ()) as (config, directory, reporter):
            with open_session(config, directory, reporter) as session:
                session = train_together(session, keep)
                record = directory.record("joint", JointResult)
                (goal,) = goals(config.budget, probe(session))
                settler = settler_of(session, goal, (), None)
                settled = settler.settle(record.widths)
                result = finish(session, "result", settled.widths, goal.limit, settler=settler)
                share = result.macs / session.channels.macs(session.channels.full)
                agents = self._rewards(session, record) * share
        epochs = len(record.epochs) + self._protocol.cut * share + agents
        found = {"accuracy": _accuracy(result), "ratio": result.ratio, "compute": epochs}
        return found | {"compute_of_agent": agents} | asdict(record)

    def _rewards(self, session: Session, record: JointResult) -> float:
        """Compute of all rewards if no structure were cut, in epochs; backward costs twice."""
        splits, settings = session.workload.splits, session.config.joint
        images = settings.images + len(splits.reward)  # at most: episodes see a part
        structures = len(record.rounds) * (settings.episodes + 5)
        return structures * images / 3 / len(splits.train)

    def _classic(self, name: str, epochs: int, tuning: int, *, rivals: bool) -> dict[str, Any]:
        """Train, search with amc, cut and fine-tune; uniform rivals of the same network."""
        recipe = f"epochs: {epochs}, lr: 0.1, batch_size: 64, weight_decay: 5.0e-4"
        overrides = [
            f"workload.train={{{recipe}}}",
            "search.trials=40",
            f"finetune.epochs={tuning}",
        ]
        with (
            self._directory(name, overrides) as (config, directory, reporter),
            open_session(config, directory, reporter) as session,
        ):
            probed = probe(session)
            (goal,) = goals(config.budget, probed)
            trials = search(session, probed, "search", "amc")
            within = [one for one in trials.trials if one.outcome.latency_ratio <= goal.limit]
            best = max(within or trials.trials, key=lambda one: one.reward)
            settler = settler_of(session, goal, (trials,), None)
            settled = settler.settle(best.widths)
            result = finish(session, "result", settled.widths, goal.limit, settler=settler)
            share = result.macs / session.channels.macs(session.channels.full)
            found = {
                "compute": epochs + tuning * share,
                "accuracy": _accuracy(result),
                "ratio": result.ratio,
                "widths": result.widths,
            }
            if rivals:
                uniform = settle_uniform(session, probed.budget, session.compare)
                filled = settler.settle(uniform.widths, uniform.comparison)
                record = finish(session, "uniform", filled.widths, probed.budget)
                found |= {
                    "uniform": _accuracy(record),
                    "uniform_ratio": record.ratio,
                    "scratch": self._from_scratch(session, filled.widths, self._protocol.scratch),
                    "dense": 100 * accuracy(session.workload.model, session.workload.splits.test),
                }
        return found

    def _from_scratch(self, session: Session, widths: Widths, epochs: int) -> float:
        """Test accuracy of a network that has had these widths from the start."""
        model = session.plan(widths).apply(session.workload.model)
        torch.manual_seed(self._seed)
        for module in model.modules():
            if isinstance(module, torch.nn.Conv2d):  # as the CIFAR ResNets are drawn
                torch.nn.init.kaiming_normal_(module.weight)
            elif isinstance(module, torch.nn.Linear | torch.nn.BatchNorm2d):
                module.reset_parameters()
        fit(
            model,
            session.workload.splits.train,
            epochs=epochs,
            lr=0.1,
            batch_size=64,
            weight_decay=5e-4,
            seed=self._seed,
            checkpoint=session.directory.path / "scratch.checkpoint",
        )
        return 100 * accuracy(model, session.workload.splits.test)

    def _decoder(self) -> dict[str, Any]:
        """Errors of the rewards of a round, foretold from the rounds before it."""
        self.of("joint")
        saved = torch.load(self._folder / "joint" / "contenders" / "joint.pt", weights_only=True)
        replay, rounds = saved["rounds"]["agent"]["replay"], len(saved["rounds"]["done"])
        size = saved["rounds"]["representation"]["weights"]["embeddings.weight"].shape[1]
        observations = replay["observations"][:, 0]
        steps = Steps(
            observations[:, :-size],
            (replay["actions"][:, 0] + 1) / 2,
            observations[:, -size].long(),
            replay["rewards"][:, 0],
        )
        found: dict[str, list[float]] = {"z": [], "zero": [], "shuffled": []}
        for newest in range(rounds // 2, rounds):
            for seed in range(_INITIALISATIONS):
                for name, errors in found.items():
                    errors.append(_foretold(steps, newest, name, seed))
        return {name: float(np.mean(errors)) for name, errors in found.items()}

    def _agents(self) -> dict[str, Any]:
        """Mean rewards in points, of the later half of the rounds with the agent."""
        self.of("joint")
        with (
            self._directory("joint", ()) as (config, directory, reporter),
            open_session(config, directory, reporter) as session,
        ):
            schedule, model, probed = (
                schedule_of(config.joint),
                session.workload.model,
                probe(session),
            )
            problem = search_problem(session, probed, probed.estimator(session))
            scorer = self._scorer(session)
            found = {}
            for name in ("z", "blind", "random"):
                rounds = Rounds(problem, scorer, schedule, self._seed, use_z=name == "z")
                model.load_state_dict(self._loaded(schedule.warmup - 1))
                for _ in range(schedule.fill):
                    rounds.fill()
                for number in range(schedule.joint):
                    model.load_state_dict(self._loaded(schedule.warmup - 1 + number))
                    (rounds.fill if name == "random" else rounds.joint)()
                late = rounds.done[schedule.fill + schedule.joint // 2 :]
                found[name] = 100 * float(np.mean([one.mean for one in late]))
        return found

    def _drop(self) -> dict[str, Any]:
        """Points lost by cutting, from the network that was trained without alignment."""
        candidates = [self.of("joint")["widths"], self.of("amc")["widths"]]
        with (
            self._directory("amc", None) as (config, directory, reporter),
            open_session(config, directory, reporter) as session,
        ):
            scorer = self._scorer(session)
            scores = [scorer.score(widths) for widths in candidates]
            dense = scorer.dense()
        last = self.of("joint")["epochs"][-1]
        return {
            "with": 100 * (last["dense"] - last["incumbent"]),
            "without": 100 * (dense - max(scores)),
            "without_of_joint": 100 * (dense - scores[0]),
        }

    def _scorer(self, session: Session) -> Scorer:
        return Scorer(
            session.space,
            session.workload.model,
            session.workload.splits,
            session.recovery.execution,
            images=session.config.joint.images,
            seed=self._seed,
        )

    @contextmanager
    def _directory(
        self, name: str, overrides: "list[str] | tuple[str, ...] | None"
    ) -> Iterator[tuple[Any, RunDirectory, Reporter]]:
        """A run directory of the pipeline; None for overrides: as it was made."""
        joint = name == "joint"
        directory = RunDirectory(self._folder / name)
        if overrides is None:
            config = load_pipeline(directory.pipeline)
        else:
            config = load_pipeline(
                ROOT / "benchmarks" / "joint.yaml",
                [
                    *self._protocol.settings,
                    f"finetune.epochs={self._protocol.cut}",
                    f"workload.data.seed={self._seed}",
                    f"search.seed={self._seed}",
                    "workload.train={mode: joint}" if joint else "search.sampler=amc",
                    *overrides,
                ],
            )
            directory.create(dump_pipeline(config))
        with Reporter(directory.path / "log.txt", enabled=False) as reporter:
            yield config, directory, reporter

    def _weights(self, epoch: int) -> Path:
        return self._folder / "joint" / f"weights-{epoch}.pt"

    def _loaded(self, epoch: int) -> dict[str, torch.Tensor]:
        return dict(torch.load(self._weights(epoch), weights_only=True))


def _accuracy(record: Finished) -> float:
    return 100 * record.verification.accuracy


def _foretold(steps: Steps, newest: int, name: str, seed: int) -> float:
    """Error of a representation on a round, trained on the rounds before it."""
    known = torch.nonzero(steps.rounds < newest)[:, 0]
    asked = steps.rounds == newest
    torch.manual_seed(seed)
    model = Representation(newest + 1, steps.states.shape[1])
    numbers = steps.rounds[known]
    if name == "shuffled":
        numbers = numbers[torch.randperm(len(numbers))]
    for number in range(newest):
        model.begin(number)
    table = torch.zeros(newest + 1, model.size) if name == "zero" else None
    for _ in range(300):
        rows = torch.randint(0, len(known), (64,))
        chosen = known[rows]
        batch = Steps(
            steps.states[chosen], steps.actions[chosen], numbers[rows], steps.rewards[chosen]
        )
        model.learn(batch, table)
    model.begin(newest)
    with torch.no_grad():
        rest = Steps(
            steps.states[asked], steps.actions[asked], steps.rounds[asked], steps.rewards[asked]
        )
        return float(model.error(rest, table))
