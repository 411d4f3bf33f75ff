"""How well a network does its task: its score on a split, for short its accuracy."""

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

import onnxruntime
import torch
from torch import nn

from edgeprune.evaluation.execution import Execution, flush_denormals
from edgeprune.tasks import Classification, Targets, Task
from edgeprune.tensors import Inputs, call, flattened_inputs, rebuilt_outputs

if TYPE_CHECKING:
    from edgeprune.workloads import Split

#: Images per forward pass: small enough for the cache, measured on ResNet-20 and ResNet-56.
BATCH_SIZE = 64

#: Images and targets.
Batches = Iterable[tuple[Inputs, Targets]]


def accuracy(
    model: nn.Module,
    split: "Split",
    batch_size: int = BATCH_SIZE,
    *,
    task: Task | None = None,
    execution: Execution | None = None,
) -> float:
    """The score of a torch model, in float32: the first of the task's metrics.

    Args:
        model: put into eval mode and left in it.
        split: the images; each is used once.
        batch_size: images per forward pass.
        task: what the model is for; classification unless given.
        execution: its layout is used; contiguous unless given.

    Returns:
        Of classification the share of images whose largest logit is the label's, 0 to 1; an image
        whose logits are not all finite counts as wrong.
    """
    task = task or Classification()
    place = (execution or Execution()).place
    batches = ((place(images), targets) for images, targets in split.batches(batch_size))
    return metrics_of(model, batches, task)[task.score.name]


def metrics_of(model: nn.Module, batches: Batches, task: Task) -> dict[str, float]:
    """All metrics of a torch model by name, over batches of images and targets."""
    flush_denormals()
    model.eval()
    meter = task.meter()
    with torch.inference_mode():
        for inputs, targets in batches:
            meter.update(call(model, inputs), targets)
    return meter.compute()


def metrics_of_file(content: bytes, batches: Batches, task: Task, outputs: Any) -> dict[str, float]:
    """All metrics of an ONNX file in its own runtime, over batches of images and targets.

    Args:
        content: the file.
        batches: images and targets.
        task: what the network is for.
        outputs: of its torch model, for their form.
    """
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = torch.get_num_threads()
    session = onnxruntime.InferenceSession(content, options, providers=["CPUExecutionProvider"])
    names = [one.name for one in session.get_inputs()]
    meter = task.meter()
    for inputs, targets in batches:
        tensors = flattened_inputs(inputs).values()
        given = [one.contiguous().numpy() for one in tensors]
        found = session.run(None, dict(zip(names, given, strict=True)))
        meter.update(rebuilt_outputs(outputs, [torch.from_numpy(one) for one in found]), targets)
    return meter.compute()
