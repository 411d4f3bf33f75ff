"""What all stages of one run share while it is open."""

import tempfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from functools import cached_property, partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from edgeprune.config import PipelineConfig, TargetConfig, load_boards
from edgeprune.devices import (
    Comparison,
    DevicePool,
    LayerTime,
    PatientDevice,
    compare_on,
    open_patiently,
    open_pool,
)
from edgeprune.devices.pool.status import keep_status
from edgeprune.errors import WorkloadError
from edgeprune.evaluation import Reconstruction, Recovery, Turns, accuracy
from edgeprune.execution import Crew
from edgeprune.export import compare_file, inexact
from edgeprune.export.formats import check_writable
from edgeprune.export.verification import onnx_runner
from edgeprune.pipeline.amounts import refuse_untold
from edgeprune.pipeline.base_model import open_base
from edgeprune.pipeline.device_files import DeviceFiles
from edgeprune.pipeline.execution import hire_crew, reach_cluster
from edgeprune.pipeline.multiples import learned_multiples
from edgeprune.pipeline.precision import candidate_form, check_precision, device_files
from edgeprune.pipeline.progress import Reporter
from edgeprune.pipeline.run_directory import RunDirectory
from edgeprune.pipeline.run_history import RunHistory
from edgeprune.pruning import (
    CandidatePlan,
    CandidateSpace,
    ChannelSpace,
    CountedSpace,
    Template,
    WeightSpace,
)
from edgeprune.search import Widths
from edgeprune.search.promise import WORTHS, WORTHS_TRAINED
from edgeprune.sensitivity import Curves, obs_scores
from edgeprune.tensors import single
from edgeprune.workloads import Workload

if TYPE_CHECKING:
    import numpy as np
    from torch import nn

#: Ranges of the base model's activations, where a search is in int8.
_RANGES = "int8-ranges.json"
#: Images that the traced network is held to the model on.
TRACED_IMAGES = 16
#: Images a data-driven importance criterion (Taylor) looks at.
IMPORTANCE_IMAGES = 256


@dataclass
class Session:
    """A run that is open: its settings, base model, what may be cut of it, and device.

    Attributes:
        config: the resolved pipeline.
        directory: where everything is kept.
        reporter: tells the user.
        workload: the trained base model and its data.
        channels: the base model's channel groups.
        boards: the device's profile, or those of a pool's boards.
        device: measures latency; open.
        history: what was measured on the device before; None where the run wants none.
        artifact: makes of a float32 file what the search scores and measures; None: the same.
        counted: single weights, where those are cut and the budget is on their density.
        curves: what cutting each group alone costs, once it is measured.
        retrain_images: training images that a candidate is trained on before it is scored.
        crew: workers that score and train in place of this process, where there are some.
    """

    config: PipelineConfig
    directory: RunDirectory
    reporter: Reporter
    workload: Workload
    channels: ChannelSpace
    boards: tuple[TargetConfig, ...]
    device: PatientDevice | DevicePool
    history: RunHistory | None = None
    artifact: DeviceFiles | None = None
    counted: CountedSpace | None = None
    curves: Curves | None = None
    retrain_images: int = 0
    crew: Crew | None = None

    @property
    def devices(self) -> int:
        """How many measure at once: a pool's size, or one."""
        return len(self.boards)

    @cached_property
    def turns(self) -> Turns:
        """Keeps what computes and what is measured apart, whichever threads do it."""
        return Turns(local=not self.remote, devices=self.devices)

    @property
    def target(self) -> TargetConfig:
        """The device's profile; of a pool the first board's: its boards are of one type."""
        return self.boards[0]

    @property
    def remote(self) -> bool:
        """Whether measuring takes nothing from this machine, and does not show there."""
        return all(board.remote for board in self.boards)

    @property
    def space(self) -> CandidateSpace:
        """What is cut: the channel groups, or what has taken their place."""
        return self.counted or self.channels

    @property
    def form(self) -> str:
        """Format of the files that are measured."""
        return "onnx" if self.artifact is None else self.artifact.form

    @property
    def template(self) -> Template:
        """Writes the base model and its candidates as ONNX files."""
        return self.channels.template

    def retrained(self) -> "Session":
        """This run with what its base model's weights are now; the device stays open."""
        (self.directory.path / _RANGES).unlink(missing_ok=True)
        return _trace(
            *(self.config, self.directory, self.reporter, self.workload, self.boards),
            *(self.device, self.history),
        )

    @cached_property
    def scores(self) -> "dict[str, np.ndarray]":
        """Importance of every unit of every free group, by the pipeline's criterion."""
        criterion, recovery = self.config.prune.importance, self.recovery
        if criterion == "obs":
            train, model = self.workload.splits.train, self.workload.model
            refits = recovery.reconstruction or Reconstruction(model, train)
            return obs_scores(self.channels, model, refits).scores
        images = self.workload.splits.train.subset(IMPORTANCE_IMAGES, self.config.search.seed)
        loss = self.workload.task.loss
        return self.channels.importance(criterion, images.batches(64), loss)

    @cached_property
    def recovery(self) -> Recovery:
        """Repairs a pruned model before it is scored; its statistics are gathered once."""
        return Recovery(self.workload.model, self.workload.splits.train, self.config.recover)

    @property
    def worths(self) -> tuple[float, ...]:
        """What capacity is worth beside scores that were made like this, see `promise`."""
        return WORTHS_TRAINED if self.retrain_images else WORTHS

    def plan(self, widths: Widths, importance: str | None = None) -> CandidatePlan:
        """The plan of these widths: the most important channels, or the largest weights, stay.

        Args:
            widths: what is kept of every group.
            importance: a criterion that needs no images; None: the pipeline's.
        """
        if self.counted is not None:
            return self.counted.plan(widths)
        if importance is not None:
            return self.space.plan(widths, importance)
        return self.space.plan(widths, self.config.prune.importance, scores=self.scores)

    @cached_property
    def baseline(self) -> bytes:
        """The base model's file, in the precision of the search."""
        return self.own_form(self.template.base)

    def own_form(self, content: bytes) -> bytes:
        """A float32 ONNX file in the form and precision of the search: what the device runs."""
        return content if self.artifact is None else self.artifact(content)

    def candidate(self, widths: Widths) -> bytes:
        """The float32 ONNX file of the base model's weights, pruned to these widths."""
        return self.template.candidate(self.plan(widths).cut(self.workload.model.state_dict()))

    def file(self, model: "nn.Module", plan: CandidatePlan) -> bytes:
        """The float32 ONNX file of a model that a plan has pruned, whatever its weights are now."""
        widths = plan.widths if self.counted is None else None
        return self.template.candidate(model.state_dict(), widths)

    def score(self, model: "nn.Module") -> float:
        """The task's score of a torch model on the reward split."""
        return accuracy(model, self.workload.splits.reward, task=self.workload.task)

    def density(self, content: bytes) -> float | None:
        """The density of a file, where the budget is on it; counted in the file itself."""
        return None if self.counted is None else self.counted.written_density(content)

    def whole(self) -> CandidatePlan:
        """The plan that keeps everything."""
        return self.plan({group: choices[-1] for group, choices in self.space.choices.items()})

    @property
    def smallest(self) -> Widths:
        """Every group at the least that it may keep; all branches that may go are gone."""
        return {group: choices[0] for group, choices in self.space.choices.items()}

    def compare(self, widths: Widths) -> Comparison:
        """Measure the sliced model of these widths beside the base model; see `compare_file`."""
        return self.compare_file(self.candidate(widths))

    def profile(self, content: bytes) -> list[LayerTime]:
        """Time of every layer of a float32 file, in the form of the search, by the file's nodes."""
        if self.artifact is None:
            return self.device.profile(content)
        file = self.artifact(content)
        names = {**self.artifact.names(file), **(self.artifact.nodes or {})}
        layers = self.device.profile(file)
        return [replace(one, name=names.get(one.name, one.name)) for one in layers]

    def compare_file(self, content: bytes) -> Comparison:
        """Measure a float32 file beside the base model, both in the precision of the search.

        What is measured here decides what a user gets, so that it is repeated where it has to be,
        and made on every board of a pool that is there.
        """
        measured = self.own_form(content)
        if isinstance(self.device, DevicePool):
            return self.device.compare_everywhere(measured, self.baseline)
        return compare_on(self.target, self.device, measured, self.baseline)


@contextmanager
def open_session(
    config: PipelineConfig,
    directory: RunDirectory,
    reporter: Reporter,
    workload: Workload | None = None,
) -> Iterator[Session]:
    """Open a run: train or load the base, find its channel groups, reach the device.

    Device and cluster are reached before the base is trained: a broken one costs no time.

    Args:
        config: the pipeline.
        directory: of the run.
        reporter: tells the user.
        workload: a trained one; None: the one that the pipeline names.

    Raises:
        TargetError: the device cannot be reached, or does not take what a pipeline makes; or an
            extra that a format needs is not installed.
        ExecutionError: see `reach_cluster` and `hire_crew`.
    """
    boards = load_boards(config)
    target = boards[0]
    check_precision(config, target)
    searched = {"precision": config.search.precision}
    boards = tuple(board.model_copy(update=searched) for board in boards)
    for form in config.export.formats:
        check_writable(form, target)  # a missing extra is told now, not when the search is over
    inputs = partial(_check_inputs, config, candidate_form(boards[0]))
    history = RunHistory.of(config, reporter.say)
    with ExitStack() as stack:
        device = open_boards(boards, reporter.say)
        stack.callback(device.close)
        refuse_untold(config.budget, device, boards[0].name)
        if isinstance(device, DevicePool):
            stack.enter_context(keep_status(device, directory.boards))
        if history is not None:
            stack.enter_context(history)
        cluster = stack.enter_context(reach_cluster(config))
        given = workload or open_base(config, directory, reporter, inputs)
        session = _trace(config, directory, reporter, given, boards, device, history)
        session.crew = stack.enter_context(hire_crew(session, cluster))
        yield session


def open_boards(
    boards: Sequence[TargetConfig], note: Callable[[str], None]
) -> PatientDevice | DevicePool:
    """Reach a run's device: one board, or a pool of several.

    Raises:
        TargetError: it cannot be reached, or the boards are no pool.
    """
    if len(boards) > 1:
        return open_pool(boards, note)
    return open_patiently(boards[0], note)


def _check_inputs(config: PipelineConfig, measured: str, workload: Workload) -> None:
    """Refuse formats that take less than the model does, before anything is trained or measured.

    Raises:
        FormError: the model has several inputs, and a format that is wanted takes one.
    """
    for name in dict.fromkeys((measured, *config.export.formats)):
        if name != "onnx":
            single(workload.example_input, f"the format {name!r} (others: onnx)")


def _check_traced(workload: Workload, content: bytes) -> None:
    """Hold the traced network to the model on images that it was not traced with.

    Raises:
        WorkloadError: it computes something else: what the forward chose for the first image, by
            an `if` or a loop over values, is all that the file can do.
    """
    images = workload.splits.train.subset(TRACED_IMAGES, 1)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "model.onnx"
        path.write_bytes(content)
        found = compare_file(
            *(path, onnx_runner(path), workload.model, images), task=workload.task, batch_size=1
        )
    if inexact(found):
        msg = (
            "the model computes something else on other images than its traced form, by up to "
            f"{found.max_abs_difference:.3g}: its forward chooses by the values of an image (an "
            "if, a loop), and what it chose for the first image is fixed in the file. "
            "Allowed: a forward that does the same with every image"
        )
        raise WorkloadError(msg)


def channel_space(config: PipelineConfig, workload: Workload, **grid: Any) -> ChannelSpace:
    """What a pipeline lets go of a model's channels.

    Args:
        config: the pipeline.
        workload: the model.
        grid: which widths are choices: ``multiple`` and ``least_choices`` of the device.

    Raises:
        SpaceError: the model cannot be followed.
    """
    # With granularity weights the patterns are of layers, and no channel is cut.
    prune, cut = config.prune, config.prune.granularity == "channels"
    return ChannelSpace.from_model(
        workload.model,
        workload.example_input,
        include=prune.include if cut else (),
        exclude=prune.exclude if cut else (),
        min_keep=prune.min_keep,
        blocks=prune.blocks and cut,
        **grid,
    )


def _trace(
    config: PipelineConfig,
    directory: RunDirectory,
    reporter: Reporter,
    workload: Workload,
    boards: tuple[TargetConfig, ...],
    device: PatientDevice | DevicePool,
    history: RunHistory | None,
) -> Session:
    """Find out what may be cut of a base model."""
    multiple, least = learned_multiples(config, boards[0], device, directory, history)
    prune, cut = config.prune, config.prune.granularity == "channels"
    channels = channel_space(config, workload, multiple=multiple, least_choices=least)
    _check_traced(workload, channels.template.base)
    counted = None
    if not cut:
        macs = channels.macs(channels.full)
        counted = WeightSpace(
            workload.model, include=prune.include, exclude=prune.exclude, macs=macs
        )
    elif prune.blocks and not channels.branches:
        reporter.say("prune.blocks: no residual branch may go as a whole; widths are searched")
    ranges, form = directory.path / _RANGES, candidate_form(boards[0])
    facts = device.conditions()
    artifact = device_files(config, workload, channels, form, facts, ranges, reporter.say)
    return Session(
        *(config, directory, reporter, workload, channels, boards, device),
        *(history, artifact, counted),
    )
