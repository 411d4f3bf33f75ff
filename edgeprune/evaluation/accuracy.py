"""Top-1 accuracy of a torch model."""

from collections.abc import Iterable
from typing import TYPE_CHECKING

import onnxruntime
import torch
from torch import nn

from edgeprune.evaluation.execution import Execution, flush_denormals

if TYPE_CHECKING:
    from edgeprune.workloads import Split

#: Images per forward pass: small enough for the cache, measured on ResNet-20 and ResNet-56.
BATCH_SIZE = 64


def accuracy(
    model: nn.Module,
    split: "Split",
    batch_size: int = BATCH_SIZE,
    *,
    execution: Execution | None = None,
) -> float:
    """Top-1 accuracy of a torch model, in float32.

    Args:
        model: put into eval mode and left in it.
        split: the images; each is used once.
        batch_size: images per forward pass.
        execution: its layout is used; contiguous unless given.

    Returns:
        Share of images whose largest logit is the label's, 0 to 1. An image whose logits are not
        all finite counts as wrong.
    """
    place = (execution or Execution()).place
    return score(model, ((place(images), labels) for images, labels in split.batches(batch_size)))


def score(model: nn.Module, batches: Iterable[tuple[torch.Tensor, torch.Tensor]]) -> float:
    """`accuracy` over batches of images and labels."""
    flush_denormals()
    model.eval()
    correct = images = 0
    with torch.inference_mode():
        for inputs, labels in batches:
            correct += _correct(model(inputs), labels)
            images += len(labels)
    return correct / images


def score_file(content: bytes, batches: Iterable[tuple[torch.Tensor, torch.Tensor]]) -> float:
    """`accuracy` of an ONNX file in its own runtime, over batches of images and labels."""
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = torch.get_num_threads()
    session = onnxruntime.InferenceSession(content, options, providers=["CPUExecutionProvider"])
    name = session.get_inputs()[0].name
    correct = images = 0
    for inputs, labels in batches:
        outputs = session.run(None, {name: inputs.contiguous().numpy()})[0]
        correct += _correct(torch.from_numpy(outputs), labels)
        images += len(labels)
    return correct / images


def _correct(outputs: torch.Tensor, labels: torch.Tensor) -> int:
    finite = outputs.isfinite().all(1)
    return int(((outputs.argmax(1) == labels) & finite).sum())
