"""Without a pipeline file: a problem for any sampler, a plan's accuracy, a model's latency."""

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import torch
from torch import nn

from edgeprune.config import RecoverConfig, TargetConfig, load_target
from edgeprune.devices import Comparison, compare_on, open_device
from edgeprune.errors import WorkloadError
from edgeprune.evaluation import Recovery, accuracy
from edgeprune.pipeline.problems import channel_problem
from edgeprune.pruning import CandidatePlan, ChannelSpace
from edgeprune.search import SearchProblem, Widths
from edgeprune.tasks import Task
from edgeprune.workloads import Split


def problem(
    space: ChannelSpace,
    budget: float,
    *,
    cost: Callable[[Widths], float] | None = None,
    curves: Mapping[str, Sequence[float]] | None = None,
) -> SearchProblem:
    """The widths of a model within a budget, as any sampler searches them.

    Args:
        space: what may be cut of the model.
        budget: largest cost, as a ratio to the whole model's.
        cost: of widths, as that ratio; None: multiply-accumulates. A latency estimate is
            `edgeprune.latency.LatencyEstimator.ratio`.
        curves: loss that cutting each group alone causes, one value for each of its choices;
            samplers that can use them do.

    Raises:
        SearchError: nothing can be cut, the budget is not positive, or curves do not fit.

    Examples:
        >>> from edgeprune.workloads.models import build_model
        >>> from edgeprune.config import ModelConfig
        >>> model = build_model(ModelConfig(name="resnet20"))
        >>> space = ChannelSpace.from_model(model, torch.zeros(1, 3, 32, 32))
        >>> half = problem(space, budget=0.5)
        >>> half.cost(half.full), half.fits(space.scaled(0.5))
        (1.0, True)
    """
    whole = space.macs(space.full)
    return channel_problem(
        space, cost or (lambda widths: space.macs(widths) / whole), budget, curves=curves
    )


def evaluate(
    model: nn.Module,
    plan: CandidatePlan,
    split: Split,
    *,
    repair: Split | None = None,
    task: Task | None = None,
) -> float:
    """Accuracy of a pruned model before any fine-tuning.

    Args:
        model: trained, in eval mode; it is not changed.
        plan: says what stays.
        split: what it is scored on. For a search, images that no weights have seen.
        repair: training images, some of which repair the pruned model (least squares, batch
            norms) as every search does; None: it is scored as it was cut.
        task: what the model is for; classification where not given.

    Returns:
        The task's score: the share of the images that are classified correctly.
    """
    if repair is None:
        return accuracy(plan.apply(model).eval(), split, task=task)
    return accuracy(Recovery(model, repair, RecoverConfig()).recover(plan), split, task=task)


def measure(
    model: nn.Module | bytes | str | Path,
    target: str | TargetConfig = "local",
    *,
    beside: nn.Module | bytes | str | Path | None = None,
    example_input: torch.Tensor | None = None,
) -> Comparison:
    """Latency of a model on a target, beside another one.

    Args:
        model: a torch module, or an ONNX file: its content or its path.
        target: a profile's name or file, or a profile.
        beside: what it is timed in turns with, such as the unpruned model; None: itself.
        example_input: (1, C, H, W) float32; needed for torch modules.

    Returns:
        ``.candidate.level_ms`` is the model's latency, ``.ratio`` that to the other one's.

    Raises:
        WorkloadError: a torch module without an example input, or a file that is not there.
        TargetError: the target cannot be reached.
        MeasurementError: it gave no latency that can be trusted.

    Examples:
        >>> model = nn.Sequential(nn.Conv2d(3, 8, 3), nn.Flatten(), nn.Linear(8 * 36, 2))
        >>> measure(model, "simulated", example_input=torch.zeros(1, 3, 8, 8)).ratio
        1.0
    """
    profile = load_target(target) if isinstance(target, str) else target
    candidate = _content(model, example_input)
    baseline = candidate if beside is None else _content(beside, example_input)
    with open_device(profile) as device:
        return compare_on(profile, device, candidate, baseline)


def _content(model: nn.Module | bytes | str | Path, example_input: torch.Tensor | None) -> bytes:
    if isinstance(model, bytes):
        return model
    if isinstance(model, str | Path):
        path = Path(model)
        if not path.is_file():
            msg = f"{path} is not there; allowed: an ONNX file, its content, or a torch module"
            raise WorkloadError(msg)
        return path.read_bytes()
    if example_input is None:
        msg = "example_input is None; a torch module is traced with one: (1, C, H, W) float32"
        raise WorkloadError(msg)
    return ChannelSpace.from_model(model.eval(), example_input).template.base
