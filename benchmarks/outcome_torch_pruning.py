"""torch-pruning's group-norm pruner at a measured latency: an arm of `outcome.py`."""

import copy
import io
import math
from dataclasses import dataclass

import torch
import torch_pruning as tp
from torch import nn

from edgeprune.devices import Comparison
from edgeprune.evaluation import recalibrate
from edgeprune.files import write_atomic
from edgeprune.pipeline.finishing import fine_tune
from edgeprune.pipeline.session import Session
from edgeprune.workloads.models.cifar_resnet import CifarResNet

#: Ratios are halved so often: a thousandth.
_STEPS = 10
#: Images that batch norms are re-estimated from after the cut, as edgeprune's own arms do.
_IMAGES = 512


@dataclass(frozen=True)
class GroupNorm:
    """What torch-pruning made: latency ratio, whether that is within the budget, parameters."""

    ratio: float
    met: bool
    found_by: str
    parameters: int


def group_norm(session: Session, limit: float) -> GroupNorm:
    """The least cut within the budget, fine-tuned by the session's recipe, as an ONNX file.

    Widths are multiples of 4, so that the runtime has fast kernels for them. Streams with padded
    shortcuts are left whole: torch-pruning breaks them.
    """
    record = session.directory.record("torch-pruning", GroupNorm)
    if record is not None:
        return record
    low, high, best = 0.0, 0.95, None
    fastest = (math.inf, 0.0)
    for _ in range(_STEPS):
        middle = (low + high) / 2
        model = _pruned(session, middle)
        ratio = _measured(session, model).ratio
        fastest = min(fastest, (ratio, middle))
        if ratio <= limit:
            high = best = middle
        else:
            low = middle
    # Where no width would be left it prunes nothing: the fastest is not the largest ratio.
    chosen = fastest[1] if best is None else best
    model = _pruned(session, chosen)
    images = session.workload.splits.train.subset(_IMAGES, 0)
    recalibrate(model, (inputs for inputs, _ in images.batches(64)))
    checkpoint = session.directory.contender("torch-pruning", "checkpoint")
    fine_tune(session, "torch-pruning", model, checkpoint)
    content = _file(session, model)
    write_atomic(session.directory.contender("torch-pruning", "onnx"), content)
    comparison = session.device.compare(content, session.baseline)
    found = GroupNorm(
        ratio=comparison.ratio,
        met=comparison.ratio <= limit,
        found_by=f"torch-pruning, group norm, ratio {chosen:.3f}",
        parameters=sum(one.numel() for one in model.parameters()),
    )
    return session.directory.finish("torch-pruning", found)


def _pruned(session: Session, ratio: float) -> nn.Module:
    model = copy.deepcopy(session.workload.model).eval()
    ignored: list[nn.Module] = [one for one in model.modules() if isinstance(one, nn.Linear)]
    if isinstance(model, CifarResNet):
        ignored += [model.conv1]
        ignored += [one for name, one in model.named_modules() if name.endswith("conv2")]
    pruner = tp.pruner.GroupNormPruner(
        model,
        session.workload.example_input,
        importance=tp.importance.GroupMagnitudeImportance(p=2),
        pruning_ratio=ratio,
        ignored_layers=ignored,
        round_to=4,
        channel_groups={},
        num_heads={},
    )
    pruner.step()
    return model


def _measured(session: Session, model: nn.Module) -> Comparison:
    return session.device.compare(_file(session, model), session.baseline)


def _file(session: Session, model: nn.Module) -> bytes:
    buffer = io.BytesIO()
    torch.onnx.export(
        model,
        (session.workload.example_input,),
        buffer,
        dynamo=False,
        opset_version=17,
        input_names=["input"],
        output_names=["output"],
        dynamic_axes={"input": {0: "batch"}, "output": {0: "batch"}},
    )
    return buffer.getvalue()
