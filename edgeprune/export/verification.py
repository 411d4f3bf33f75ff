"""Does a written file compute what the torch model computes?"""

import os
from collections import Counter
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from numpy.typing import NDArray

from edgeprune.errors import VerificationError

if TYPE_CHECKING:
    from edgeprune.workloads import Split

#: Largest allowed difference to torch, relative to the largest output; float32 rounding stays
#: two orders of magnitude below it.
TOLERANCE = 1e-3

#: Runs a file on images, (N, C, H, W) float32, in portions that its runtime takes: (N, classes).
Runner = Callable[[NDArray[np.float32]], NDArray[Any]]


@dataclass(frozen=True)
class Verification:
    """How a written file did over a whole split, in its own runtime.

    Attributes:
        accuracy: of the file, 0 to 1.
        images: how many images it was run on.
        max_abs_difference: largest difference of any output to torch's.
        mean_abs_difference: mean over all outputs of all images.
        output_scale: largest magnitude of torch's outputs, to judge the difference by.
        top1_agreement: share of images on which file and torch name the same class.
        by_class: of each class how many images it has, and how many of them the file gets right.
    """

    accuracy: float
    images: int
    max_abs_difference: float
    mean_abs_difference: float
    output_scale: float
    top1_agreement: float
    by_class: tuple[tuple[int, int], ...] = ()

    def to_json(self) -> dict[str, Any]:
        """Plain values for the manifest."""
        return asdict(self)


def verify_onnx(
    path: Path, model: torch.nn.Module, split: "Split", *, batch_size: int = 64
) -> Verification:
    """Run a float32 ONNX file over a split, and hold it to what torch computes.

    Args:
        path: the written file.
        model: the torch model, in eval mode.
        split: the images; each is used exactly once.
        batch_size: images per forward pass.

    Returns:
        Accuracy of the file itself and its agreement with torch.

    Raises:
        VerificationError: the file does not load, gives NaN, or differs from torch by more
            than `TOLERANCE` of the output scale.
    """
    found = compare_onnx(path, model, split, batch_size=batch_size)
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
    path: Path, model: torch.nn.Module, split: "Split", *, batch_size: int = 64
) -> Verification:
    """`compare_file` of an ONNX file."""
    return compare_file(path, onnx_runner(path), model, split, batch_size=batch_size)


def compare_file(
    path: Path,
    run: Runner,
    model: torch.nn.Module,
    split: "Split",
    *,
    batch_size: int = 64,
) -> Verification:
    """Run a written file of any format and precision over a split, beside the torch model.

    Args:
        path: the file, for messages.
        run: the file, opened from disk in its own runtime.
        model: the torch model it was made from, in eval mode.
        split: the images; each is used exactly once.
        batch_size: images per forward pass of the torch model.

    Returns:
        Accuracy of the file itself and its agreement with torch, whatever they are.

    Raises:
        VerificationError: the file does not run on these images, or gives NaN.
    """
    correct = agree = images = values = 0
    seen: Counter[int] = Counter()
    right: Counter[int] = Counter()
    difference = scale = total = 0.0
    model = model.eval()
    for inputs, labels in split.batches(batch_size):
        with torch.inference_mode():
            expected = model(inputs).float().numpy()
        outputs = run(inputs.numpy())
        if outputs.shape != expected.shape:
            msg = f"{path} gives outputs of shape {outputs.shape}; torch gives {expected.shape}"
            raise VerificationError(msg)
        if not np.isfinite(outputs).all():
            msg = f"{path} gives NaN or infinite outputs"
            raise VerificationError(msg)
        hits = outputs.argmax(1) == labels.numpy()
        images += len(labels)
        correct += int(hits.sum())
        seen.update(labels.tolist())
        right.update(labels.numpy()[hits].tolist())
        agree += int((outputs.argmax(1) == expected.argmax(1)).sum())
        difference = max(difference, float(np.abs(outputs - expected).max()))
        total += float(np.abs(outputs - expected).sum())
        values += outputs.size
        scale = max(scale, float(np.abs(expected).max()))
    return Verification(
        accuracy=correct / images,
        images=images,
        max_abs_difference=difference,
        mean_abs_difference=total / values,
        output_scale=scale,
        top1_agreement=agree / images,
        by_class=tuple((seen[label], right[label]) for label in range(max(seen) + 1)),
    )


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

    def run(images: NDArray[np.float32]) -> NDArray[Any]:
        portions = [images] if fixed is None else np.split(images, range(fixed, len(images), fixed))
        try:
            found = [session.run(None, {entry.name: one})[0] for one in portions]
        except Exception as error:
            msg = f"{path} does not run on images of shape {images.shape[1:]}: {error}"
            raise VerificationError(msg) from error
        return np.concatenate(found)

    return run
