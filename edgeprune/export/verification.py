"""Does a written file compute what the torch model computes?"""

import os
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import torch

from edgeprune.errors import VerificationError

if TYPE_CHECKING:
    from edgeprune.workloads import Split

#: Largest allowed difference to torch, relative to the largest output; float32 rounding stays
#: two orders of magnitude below it.
TOLERANCE = 1e-3


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
    """

    accuracy: float
    images: int
    max_abs_difference: float
    mean_abs_difference: float
    output_scale: float
    top1_agreement: float

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
    difference, scale = found.max_abs_difference, found.output_scale
    if difference > TOLERANCE * max(scale, 1.0):
        msg = (
            f"{path} does not compute what torch computes: outputs differ by up to "
            f"{difference:.3g} at a scale of {scale:.3g} (allowed: {TOLERANCE * scale:.3g})"
        )
        raise VerificationError(msg)
    return found


def compare_onnx(
    path: Path, model: torch.nn.Module, split: "Split", *, batch_size: int = 64
) -> Verification:
    """Run an ONNX file of any precision from disk over a split, beside the torch model.

    Args:
        path: the written file.
        model: the torch model it was made from, in eval mode.
        split: the images; each is used exactly once.
        batch_size: images per forward pass.

    Returns:
        Accuracy of the file itself and its agreement with torch, whatever they are.

    Raises:
        VerificationError: the file does not load, or gives NaN.
    """
    correct = agree = images = values = 0
    difference = scale = total = 0.0
    model = model.eval()
    for inputs, labels, outputs in _file_outputs(path, split, batch_size):
        with torch.inference_mode():
            expected = model(inputs).float().numpy()
        if not np.isfinite(outputs).all():
            msg = f"{path} gives NaN or infinite outputs"
            raise VerificationError(msg)
        images += len(labels)
        correct += int((outputs.argmax(1) == labels.numpy()).sum())
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
    )


def _file_outputs(
    path: Path, split: "Split", batch_size: int
) -> Iterator[tuple[torch.Tensor, torch.Tensor, "np.ndarray[Any, Any]"]]:
    os.environ.setdefault("ORT_DISABLE_TELEMETRY", "1")
    import onnxruntime

    try:
        session = onnxruntime.InferenceSession(str(path), providers=["CPUExecutionProvider"])
    except Exception as error:  # onnxruntime's own exception classes are not exported
        msg = f"{path} cannot be loaded by onnxruntime: {error}"
        raise VerificationError(msg) from error
    name = session.get_inputs()[0].name
    for inputs, labels in split.batches(batch_size):
        yield inputs, labels, session.run(None, {name: inputs.numpy()})[0]
