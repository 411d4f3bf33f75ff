"""What a task is: what is minimised in training, and what a network is judged by."""

from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar, Protocol

import torch

from edgeprune.errors import WorkloadError, nearest

if TYPE_CHECKING:
    from edgeprune.workloads import Split

#: The targets of a batch: a tensor (N, ...), or a list of N of anything.
Targets = Any


@dataclass(frozen=True)
class Metric:
    """One number that a network is judged by.

    Attributes:
        name: as people write it, ``mIoU``.
        unit: ``%`` for shares, which are 0 to 1 and shown times a hundred; else the unit itself,
            or nothing.
        more_is_better: whether a larger one is better. What a search maximises has to be so, at
            most 1, and at about `Task.chance` for a network that has learned nothing.
        title: what reports call it, where that is not its name.
        counted: whether it is the share of images that are answered rightly: then chance moves it
            by a known amount.
    """

    name: str
    unit: str = "%"
    more_is_better: bool = True
    title: str = ""
    counted: bool = False

    @property
    def called(self) -> str:
        """Its name in a sentence."""
        return self.title or self.name

    def shown(self, value: float) -> str:
        """A value as people read it: ``83.41%``, as all tables write shares."""
        return f"{value:.2%}" if self.unit == "%" else f"{value:.4g} {self.unit}".strip()


class Meter(Protocol):
    """Gathers what metrics are made of, batch by batch."""

    def update(self, outputs: Any, targets: Targets) -> None:
        """Take in a batch.

        Args:
            outputs: of the network or of a written file, in the form that the network gives.
            targets: of the same images.
        """
        ...

    def compute(self) -> dict[str, float]:
        """The task's chosen metrics by name, over all batches."""
        ...

    def by_class(self) -> tuple[tuple[int, int], ...]:
        """Of each class how much there was and how much is right; () where classes mean nothing."""
        ...


class Task(ABC):
    """What a network is for. `edgeprune.testing.tasks.TaskConformance` holds one to this.

    A task of your own, ``workload.task: mytasks:Depth``, is a subclass with `known`, `loss` and
    `meter`; the other methods have meanings that suit outputs which are compared number by number.

    Attributes:
        name: in a pipeline file; that of the class in lower case where not given.
        known: the metrics it can compute; the first is what a search maximises unless the user
            chooses.
        default: how many of them, from the first, are computed where the user chooses none.
        classes_named: whether outputs are one for each of the data's classes.
        by_class_of: what `Meter.by_class` counts.
    """

    name: ClassVar[str] = ""
    known: ClassVar[tuple[Metric, ...]] = ()
    default: ClassVar[int] = 1
    classes_named: ClassVar[bool] = False
    by_class_of: ClassVar[str] = "images"
    _chosen: tuple[Metric, ...] = ()

    def choose(self, names: Sequence[str]) -> None:
        """Choose what is computed: the first is what a search maximises.

        Args:
            names: of metrics of `known`; none of them: its default.

        Raises:
            WorkloadError: a name is unknown, comes twice, or less of the first is better.
        """
        by_name = {one.name: one for one in self.known}
        for position, name in enumerate(names):
            if name not in by_name:
                msg = (
                    f"workload.metrics[{position}] is {name!r}; allowed for "
                    f"{self.title()}: {', '.join(by_name)}{nearest(name, by_name)}"
                )
                raise WorkloadError(msg)
            if name in names[:position]:
                msg = f"workload.metrics names {name!r} twice"
                raise WorkloadError(msg)
        if names and not by_name[names[0]].more_is_better:
            better = ", ".join(one.name for one in self.known if one.more_is_better)
            msg = (
                f"workload.metrics begins with {names[0]!r}, of which less is better; the "
                f"first is what a search maximises, allowed: {better}"
            )
            raise WorkloadError(msg)
        self._chosen = tuple(by_name[name] for name in names)

    @property
    def metrics(self) -> tuple[Metric, ...]:
        """What is computed; the first is what a search maximises, the score."""
        return self._chosen or self.known[: self.default]

    @property
    def score(self) -> Metric:
        """What a search maximises."""
        return self.metrics[0]

    @classmethod
    def title(cls) -> str:
        """What messages call it."""
        return cls.name or cls.__name__.lower()

    @abstractmethod
    def loss(self, outputs: Any, targets: Targets) -> torch.Tensor:
        """What training minimises: a float32 scalar, the mean over the images of a batch.

        Args:
            outputs: of the network in training mode.
            targets: of the same images, on the same device.
        """

    @abstractmethod
    def meter(self) -> Meter:
        """A fresh meter of the chosen `metrics`."""

    def prepare(self, train: "Split") -> None:  # noqa: B027
        """Look at the training split once, before anything else: scales, frequencies."""

    def check(  # noqa: B027
        self, outputs: Any, targets: Targets, classes: Sequence[str]
    ) -> None:
        """Check that a network's outputs and the data fit each other.

        Args:
            outputs: of the network in eval mode, of one training image.
            targets: of that image.
            classes: names of the data's classes.

        Raises:
            WorkloadError: they do not; the message says what would.
        """

    def divergence(self, outputs: Any, taught: Any, temperature: float = 1.0) -> torch.Tensor:
        """How far outputs are from the base model's; 0 for the same, and never negative.

        Distillation minimises it, and sensitivity curves are measured with it. Unless a task says
        otherwise: squared differences as a share of the variance of what the base model gives,
        output by output.

        Args:
            outputs: of the pruned network.
            taught: of the base model, of the same images and form.
            temperature: softens distributions, in tasks that have some; above 0.

        Returns:
            A float32 scalar, the mean over the images.
        """
        from edgeprune.tasks.comparing import spread_error

        return spread_error(outputs, taught)

    def agreement(self, outputs: Any, expected: Any) -> float:
        """How much of what a written file answers is what torch answers, 0 to 1.

        Unless a task says otherwise: the share of numbers that differ by less than a hundredth of
        the largest one.
        """
        from edgeprune.tasks.comparing import close_share

        return close_share(outputs, expected)

    def chance(self, classes: int) -> float:
        """The score that a network has that learned nothing."""
        return 0.0
