"""A search task for the benchmarks of samplers: no benchmark itself.

A shared CIFAR-10 ResNet on the simulated target: accuracy is real (least squares, batch-norm
re-estimation, reward images), latency is a formula with seeded noise, so that arms are compared
on one and the same task and a run repeats to the bit. Few reward images make an evaluation
cheap: accuracies are coarser than in a real run, alike for all arms. `Task.evaluator` takes a
second or more an evaluation; `surrogate.surrogate_evaluator` takes milliseconds, from accuracies
fitted to 900 real evaluations: use it where arms and seeds are many, and the real one to check
the plans that win.
"""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from edgeprune.config import dump_pipeline, load_pipeline
from edgeprune.pipeline.problems import search_problem
from edgeprune.pipeline.progress import Reporter
from edgeprune.pipeline.run_directory import RunDirectory
from edgeprune.pipeline.session import Session, open_session
from edgeprune.pipeline.stages.curves import learn_curves
from edgeprune.pipeline.stages.probe import Probe, probe
from edgeprune.pipeline.stages.search import session_evaluator, uniform_widths, worth_measuring
from edgeprune.records import read_record, write_record
from edgeprune.search import Outcome, SearchProblem, Widths
from edgeprune.sensitivity import Curves

ROOT = Path(__file__).parent.parent
SHARED = Path(os.environ.get("EDGEPRUNE_SHARED", ROOT.parent / "shared"))
#: Training images that recovery looks at.
RECOVERY_IMAGES = 128
#: The task that all its tables and the fitted accuracies are of: inner widths alone.
INNER_WIDTHS = (
    "prune.blocks=false",
    "prune.exclude=[conv1, layer2.0.conv2, layer3.0.conv2]",
)
#: Checkpoints that are not called like their architecture; those have no residual streams.
ARCHITECTURES = {
    "mobilenetv1-050": ("workload.model.name=mobilenet_v1", "workload.model.args={width: 0.5}")
}


@dataclass(frozen=True)
class Task:
    """One network, one budget, one device.

    Attributes:
        session: the open run behind it.
        probe: the budget and the estimator's first points.
    """

    session: Session
    probe: Probe

    def problem(self) -> SearchProblem:
        """A fresh problem: its latency estimator has learned nothing yet."""
        return search_problem(self.session, self.probe, self.probe.estimator(self.session))

    def evaluator(self) -> "Memory":
        """Evaluates widths; equal widths are evaluated once."""
        return Memory(self.session)

    def know_curves(self, path: Path) -> None:
        """Measure the network's sensitivity curves, or read those of an earlier start."""
        if path.is_file():
            self.session.curves = read_record(path, Curves)
            return
        curves = learn_curves(self.session, lambda: worth_measuring(self.session, self.probe, None))
        assert curves is not None
        write_record(path, curves)

    def uniform(self) -> Widths:
        """The widest uniform plan within the budget, by the estimator."""
        problem = self.problem()
        return uniform_widths(self.session, problem) or problem.smallest


class Memory:
    """Outcomes by widths: evaluations repeat to the bit here, so none is done twice."""

    def __init__(self, session: Session) -> None:
        self._evaluate = session_evaluator(session)
        self._known: dict[tuple[int, ...], Outcome] = {}

    def __call__(self, widths: Widths) -> Outcome:
        key = tuple(widths.values())
        if key not in self._known:
            self._known[key] = self._evaluate(widths)
        return self._known[key]


@contextmanager
def open_task(
    model: str, *, budget: float, images: int, folder: Path, branches: bool = False
) -> Iterator[Task]:
    """Open a task.

    Args:
        model: ``resnet20``, ``resnet56`` or ``mobilenetv1-050``.
        budget: allowed latency as a ratio to the base model.
        images: reward images, the same number of every class.
        folder: an empty folder for the run.
        branches: residual blocks may go, and padded streams be cut.
    """
    config = load_pipeline(
        ROOT / "examples" / "cifar10-resnet20.yaml",
        [
            *ARCHITECTURES.get(model, (f"workload.model.name={model}",)),
            f"workload.model.weights={SHARED / 'checkpoints' / f'cifar10-jpeg-{model}.pt'}",
            f"workload.data.reward_list={reward_list(folder, images // 10)}",
            "target=simulated",
            f"budget.latency={budget}x",
            f"recover.images={RECOVERY_IMAGES}",
            "history=none",
            "prune.importance=l1",
            *(() if branches or model in ARCHITECTURES else INNER_WIDTHS),
        ],
    )
    directory = RunDirectory(folder / "run")
    directory.create(dump_pipeline(config))
    with (
        Reporter(directory.path / "log.txt", enabled=False) as reporter,
        open_session(config, directory, reporter) as session,
    ):
        yield Task(session, probe(session))


def reward_list(folder: Path, of_each_class: int) -> Path:
    """A list of the first reward images of every class."""
    chosen: dict[str, list[str]] = {}
    for name in (SHARED / "data" / "cifar10-reward.txt").read_text().split():
        chosen.setdefault(name.split("/")[1], []).append(name)
    path = folder / "reward.txt"
    names = [name for names in chosen.values() for name in names[:of_each_class]]
    path.write_text("\n".join(names) + "\n")
    return path
