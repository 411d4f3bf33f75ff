"""Any model file beside a finished run: its torch model, or its graph where that is own code."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import torch

from edgeprune.config import PipelineConfig, TargetConfig, load_pipeline, load_target
from edgeprune.devices import open_device
from edgeprune.devices.artifacts import Note, quiet
from edgeprune.devices.runtimes import with_runtime_for
from edgeprune.errors import RunError
from edgeprune.export import compare_file, read_manifest
from edgeprune.export.formats import FormatSpec, device_content, format_named, format_of
from edgeprune.export.isolation import run_apart
from edgeprune.export.verification import Runner
from edgeprune.pipeline.after import finished_manifest, open_finished
from edgeprune.pipeline.consent import refusal, undue
from edgeprune.pipeline.finishing import finished_source
from edgeprune.pipeline.gates import is_chance
from edgeprune.pipeline.records import FileCheck
from edgeprune.pipeline.run_directory import RunDirectory
from edgeprune.tasks import Task, make_task
from edgeprune.tensors import single
from edgeprune.workloads import Split
from edgeprune.workloads.datasets import open_dataset
from edgeprune.workloads.models.registry import published_recipe
from edgeprune.workloads.splitting import make_splits

#: Told where the run's own model was not opened.
_BY_GRAPH = (
    "the run was not made here: held to its model.onnx, and nothing that it names was run "
    "(--trust: to its torch model)"
)


@dataclass(frozen=True)
class _Beside:
    """What a file is held to.

    Attributes:
        model: the run's.
        onnx: its float32 file.
        images: its test split.
        classes: number of them.
        task: what the network is for.
    """

    model: torch.nn.Module
    onnx: bytes
    images: Split
    classes: int
    task: Task


def verify_file(
    model: str | Path,
    run_dir: str | Path,
    *,
    target: str | None = None,
    progress: bool = True,
    trust: bool = False,
) -> FileCheck:
    """Run any model file over a finished run's test images, beside the run's torch model.

    Beside its ``model.onnx`` instead, where the run was not made here and names code of its own.

    Args:
        model: a file of ONNX, TFLite, or a TVM library with its description beside it; a library
            is a program, and is run.
        run_dir: the run directory.
        target: also time the file there, beside the run's own ONNX file where it is one, else
            beside itself.
        progress: show progress bars on standard error.
        trust: run what the directory names, though it was not made here.

    Returns:
        Accuracy, agreement and differences, what the lint warns of, and latencies with a target.

    Raises:
        UserError: the run has not finished, its images come from code that is not trusted, or an
            extra is not installed.
        VerificationError: the file cannot be run, or not in the time that the run's target gives
            a device (``measure.timeout_s``) for each portion of images.
    """
    path, directory = Path(model), RunDirectory(run_dir)
    if not path.is_file():
        msg = f"{path} is not there"
        raise RunError(msg)
    form = format_of(path)
    finished_manifest(directory)
    config = load_pipeline(directory.pipeline)
    if not trust and (found := undue(directory, config)):
        local = load_target("local")
        with _by_graph(directory, config, found, local) as beside:
            return _verified(path, form, local, beside, target, quiet, (_BY_GRAPH,))
    with open_finished(directory, progress, trust=trust) as (session, _):
        source, workload = finished_source(session, "result"), session.workload
        beside = _Beside(
            source.model, source.onnx, workload.splits.test, workload.classes, workload.task
        )
        return _verified(path, form, session.target, beside, target, session.reporter.say)


def _verified(
    path: Path,
    form: FormatSpec,
    own: TargetConfig,
    beside: _Beside,
    target: str | None,
    note: Note,
    warnings: tuple[str, ...] = (),
) -> FileCheck:
    opened = form.open(own, quiet)
    lint = opened.lint(path)
    with run_apart(form, path, own, own.measure.timeout_s) as run:
        found = compare_file(path, run, beside.model, beside.images, task=beside.task)
    told = [*warnings, *lint.warnings()]
    if is_chance(found.accuracy, found.images, beside.task.chance(beside.classes)):
        told.append("its accuracy is that of chance")
    comparison = None
    if target is not None:
        content, profile = device_content(path), load_target(target)
        with open_device(with_runtime_for(profile, form.name), note) as device:
            comparison = device.compare(content, beside.onnx if form.name == "onnx" else content)
    return FileCheck(found, tuple(told), comparison)


@contextmanager
def _by_graph(
    directory: RunDirectory, config: PipelineConfig, found: list[str], local: TargetConfig
) -> Iterator[_Beside]:
    """The run's file in place of its model, and its images where edgeprune opens them itself.

    Raises:
        RunError: the images come from code, or a file of the bundle was changed.
    """
    data = config.workload.data
    chosen = config.workload
    if ":" in data.name or ":" in chosen.task:
        raise RunError(refusal(directory, found))
    task = make_task(chosen.task, chosen.metrics, chosen.task_args)
    read_manifest(directory.path)
    dataset = open_dataset(data, published_recipe(chosen.model))
    splits = make_splits(dataset, data, trained=config.workload.model.weights is not None)
    path = directory.path / "model.onnx"
    with run_apart(format_named("onnx"), path, local, local.measure.timeout_s) as run:
        # What prepares a task is training images, which the run's own data has.
        task.prepare(splits.train)
        yield _Beside(_Graph(run), path.read_bytes(), splits.test, len(dataset.classes), task)


class _Graph(torch.nn.Module):
    """An ONNX file where a torch model is asked for."""

    def __init__(self, run: Runner) -> None:
        super().__init__()
        self._run = run

    def forward(
        self, *images: torch.Tensor, **named: torch.Tensor
    ) -> torch.Tensor | tuple[torch.Tensor, ...]:
        """The file's outputs: one, or all of them in their order."""
        given = single(named or images, "verifying a file apart from its run")
        found = tuple(torch.from_numpy(one) for one in self._run(given.numpy()))
        return found[0] if len(found) == 1 else found
