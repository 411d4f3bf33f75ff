"""Does a written file compute what the torch model computes?"""

import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from numpy.typing import NDArray

from edgeprune.errors import VerificationError
from edgeprune.tasks import Classification, Task
from edgeprune.tensors import Inputs, call, flattened_inputs, flattened_outputs, rebuilt_outputs

if TYPE_CHECKING:
    from edgeprune.workloads import Split

#: Largest allowed difference to torch, relative to the largest output; float32 rounding stays
#: two orders of magnitude below it.
TOLERANCE = 1e-3

#: Images, (N, C, H, W) float32; of a network with several inputs each by its name.
Given = NDArray[np.float32] | Mapping[str, NDArray[Any]]
#: Runs a file on images in portions that its runtime takes: its outputs, (N, ...) each, in the
#: order of the torch model's.
Runner = Callable[[Given], list[NDArray[Any]]]


@dataclass(frozen=True)
class Verification:
    """How a written file did over a whole split, in its own runtime.

    Attributes:
        accuracy: the task's score of the file, 1 at best.
        images: how many images it was run on.
        max_abs_difference: largest difference of any output to torch's.
        mean_abs_difference: mean over all outputs of all images.
        output_scale: largest magnitude of torch's outputs, to judge the difference by.
        top1_agreement: share of images (of segmentation: pixels) for which file and torch name the
            same class; of tasks without classes, of numbers that are the same within a hundredth.
        by_class: of each class how much there is, and how much of that the file gets right: images
            of classification; union and intersection, in pixels, of segmentation.
        metrics: all metrics of the task by name.
    """

    accuracy: float
    images: int
    max_abs_difference: float
    mean_abs_difference: float
    output_scale: float
    top1_agreement: float
    by_class: tuple[tuple[int, int], ...] = ()
    metrics: dict[str, float] = field(default_factory=dict)

    def to_json(self) -> dict[str, Any]:
        """Plain values for the manifest."""
        return asdict(self)


def verify_onnx(
    path: Path,
    model: torch.nn.Module,
    split: "Split",
    *,
    task: Task | None = None,
    batch_size: int = 64,
) -> Verification:
    """Run a float32 ONNX file over a split, and hold it to what torch computes.

    Args:
        path: the written file.
        model: the torch model, in eval mode.
        split: the images; each is used exactly once.
        task: what the network is for; classification unless given.
        batch_size: images per forward pass.

    Returns:
        Accuracy of the file itself and its agreement with torch.

    Raises:
        VerificationError: the file does not load, gives NaN, or differs from torch by more
            than `TOLERANCE` of the output scale.
    """
    found = compare_onnx(path, model, split, task=task, batch_size=batch_size)
    if wrong := inexact(found):
        msg = f"{path} {wrong}"
        raise VerificationError(msg)
    return found


def inexact(found: Verification) -> str:
    """What is wrong with a float32 file's outputs; nothing where they are torch's."""
    difference, allowed = found.max_abs_difference, TOLERANCE * max(found.output_scale, 1.0)
    if difference <= allowed:
        return ""
    return (
        f"does not compute what torch computes: outputs differ by up to {difference:.3g} at a "
        f"scale of {found.output_scale:.3g} (allowed: {allowed:.3g})"
    )


def compare_onnx(
    path: Path,
    model: torch.nn.Module,
    split: "Split",
    *,
    task: Task | None = None,
    batch_size: int = 64,
) -> Verification:
    """`compare_file` of an ONNX file."""
    return compare_file(path, onnx_runner(path), model, split, task=task, batch_size=batch_size)


def compare_file(
    path: Path,
    run: Runner,
    model: torch.nn.Module,
    split: "Split",
    *,
    task: Task | None = None,
    batch_size: int = 64,
) -> Verification:
    """Run a written file of any format and precision over a split, beside the torch model.

    Args:
        path: the file, for messages.
        run: the file, opened from disk in its own runtime.
        model: the torch model it was made from, in eval mode.
        split: the images; each is used exactly once.
        task: what the network is for; classification unless given.
        batch_size: images per forward pass of the torch model.

    Returns:
        Accuracy of the file itself and its agreement with torch, whatever they are.

    Raises:
        VerificationError: the file does not run on these images, or gives NaN.
    """
    task = task or Classification()
    meter, model = task.meter(), model.eval()
    images = values = 0
    agreement = difference = scale = total = 0.0
    for inputs, targets in split.batches(batch_size):
        with torch.inference_mode():
            outputs = call(model, inputs)
        wanted = [one.float().numpy() for one in flattened_outputs(outputs).values()]
        found = run(given_of(inputs))
        _check_outputs(path, found, wanted)
        answers = rebuilt_outputs(outputs, [torch.from_numpy(one) for one in found])
        meter.update(answers, targets)
        images += len(targets)
        agreement += len(targets) * task.agreement(answers, outputs)
        for one, expected in zip(found, wanted, strict=True):
            difference = max(difference, float(np.abs(one - expected).max(initial=0.0)))
            total += float(np.abs(one - expected).sum())
            values += one.size
            scale = max(scale, float(np.abs(expected).max(initial=0.0)))
    metrics = meter.compute()
    return Verification(
        accuracy=metrics[task.score.name],
        images=images,
        max_abs_difference=difference,
        mean_abs_difference=total / values,
        output_scale=scale,
        top1_agreement=agreement / images,
        by_class=meter.by_class(),
        metrics=metrics,
    )


def given_of(inputs: Inputs) -> Given:
    """What a file is given for what its torch model is given."""
    if isinstance(inputs, torch.Tensor):
        found: NDArray[np.float32] = inputs.numpy()
        return found
    return {name: one.numpy() for name, one in flattened_inputs(inputs).items()}


def one_input(given: Given, what: str) -> NDArray[np.float32]:
    """The images of a network with one input.

    Raises:
        VerificationError: it has several; `what` takes one.
    """
    if isinstance(given, Mapping):
        msg = f"{what} takes networks with one input; this one has {', '.join(given)}"
        raise VerificationError(msg)
    return given


def _check_outputs(
    path: Path, found: Sequence[NDArray[Any]], wanted: Sequence[NDArray[Any]]
) -> None:
    """Hold the outputs to the form of torch's.

    Raises:
        VerificationError: there are more or fewer, of other shapes, or with NaN.
    """
    if len(found) != len(wanted):
        msg = f"{path} gives {len(found)} outputs; torch gives {len(wanted)}"
        raise VerificationError(msg)
    for one, expected in zip(found, wanted, strict=True):
        if one.shape != expected.shape:
            msg = f"{path} gives outputs of shape {one.shape}; torch gives {expected.shape}"
            raise VerificationError(msg)
        if not np.isfinite(one).all():
            msg = f"{path} gives NaN or infinite outputs"
            raise VerificationError(msg)


def open_onnx(path: Path) -> Any:
    """Open an ONNX file in ONNX Runtime on this machine's processor.

    Raises:
        VerificationError: the file does not load.
    """
    os.environ.setdefault("ORT_DISABLE_TELEMETRY", "1")
    import onnxruntime

    try:
        return onnxruntime.InferenceSession(str(path), providers=["CPUExecutionProvider"])
    except Exception as error:  # onnxruntime's own exception classes are not exported
        msg = f"{path} cannot be loaded by onnxruntime: {error}"
        raise VerificationError(msg) from error


def onnx_runner(path: Path) -> Runner:
    """Open an ONNX file in ONNX Runtime; all images at once where it leaves the batch open.

    Raises:
        VerificationError: the file does not load; when called: it does not take these images.
    """
    session = open_onnx(path)
    if not session.get_inputs() or not session.get_outputs():
        msg = f"{path} has no input or no output"
        raise VerificationError(msg)
    entry = session.get_inputs()[0]
    fixed = entry.shape[0] if entry.shape and isinstance(entry.shape[0], int) else None
    if fixed is not None and fixed < 1:
        msg = f"{path} takes {fixed} images at a time"
        raise VerificationError(msg)

    def run(images: Given) -> list[NDArray[Any]]:
        given = images if isinstance(images, Mapping) else {entry.name: images}
        count = len(next(iter(given.values())))
        step = fixed or count
        try:
            found = [
                session.run(None, {name: one[at : at + step] for name, one in given.items()})
                for at in range(0, count, step)
            ]
        except Exception as error:
            shapes = " and ".join(str(one.shape[1:]) for one in given.values())
            msg = f"{path} does not run on images of shape {shapes}: {error}"
            raise VerificationError(msg) from error
        return [np.concatenate(parts) for parts in zip(*found, strict=True)]

    return run
