"""Getting a slicer: one conversion for each architecture, kept in the user's cache, and checked."""

import hashlib
import os
from collections.abc import Callable

import numpy as np
import torch
from torch import nn

from edgeprune.errors import SlicingError
from edgeprune.export.litert import to_tflite
from edgeprune.export.litert.environment import LITERT_TORCH, PYTHON_VARIABLE
from edgeprune.export.tflite_slicing.slicer import TfliteSlicer
from edgeprune.export.tflite_slicing.tagging import tagged
from edgeprune.files import write_atomic
from edgeprune.folders import user_cache
from edgeprune.pruning import ChannelSpace
from edgeprune.quantization.tflite_running import TfliteFile
from edgeprune.tensors import flattened_outputs

#: Largest difference to torch, as a share of the largest output.
TOLERANCE = 1e-4
#: Share of every group's channels that the trial cut keeps.
_TRIAL_SHARE = 0.6
#: What is converted is a network with random weights: another version of these is another file.
_VERSION = 1


def open_slicer(
    model: nn.Module,
    space: ChannelSpace,
    images: torch.Tensor,
    note: Callable[[str], None] = lambda text: None,
) -> TfliteSlicer:
    """Convert an architecture, unless that was done before, and hold slices of it to torch.

    Args:
        model: in eval mode, with the weights that candidates are made of.
        space: its channel groups.
        images: a few, (N, C, H, W) float32, that trial cuts are compared on.
        note: told of a conversion, which takes its time.

    Raises:
        SlicingError: the file cannot be sliced; the message names the operator.
        TargetError: the converter is not installed.
        WorkloadError: it does not know one of the model's operators, which is named.
    """
    marked = tagged(model)
    network = space.template.candidate(marked.state_dict(), space.full)
    slicer = TfliteSlicer(network, _converted(marked, images[:1], network, note))
    cut = space.scaled(_TRIAL_SHARE)
    trials = [space.full, cut]
    if space.branches:
        gone = {name: 0 for branch in space.branches for name in branch.groups}
        trials.append(cut | gone)
    for widths in trials:
        _check(model, space, slicer, images, widths)
    return slicer


def _converted(
    model: nn.Module, image: torch.Tensor, network: bytes, note: Callable[[str], None]
) -> bytes:
    """The file of a network with random weights: the same one for the same graph."""
    versions = f"{_VERSION} {LITERT_TORCH} {torch.__version__} {os.environ.get(PYTHON_VARIABLE)}"
    key = hashlib.sha256(versions.encode() + network).hexdigest()[:32]
    path = user_cache() / "converted" / f"{key}.tflite"
    if path.is_file():
        return path.read_bytes()
    note("the network is converted to TFLite, once; its candidates are cut from that file")
    content, _ = to_tflite(model, image)
    path.parent.mkdir(parents=True, exist_ok=True)
    write_atomic(path, content)
    return content


def _check(
    model: nn.Module,
    space: ChannelSpace,
    slicer: TfliteSlicer,
    images: torch.Tensor,
    widths: dict[str, int],
) -> None:
    plan = space.plan(widths)
    content = slicer.slice(space.template.candidate(plan.cut(model.state_dict())))
    with torch.inference_mode():
        outputs = flattened_outputs(plan.apply(model).eval()(images)).values()
    difference = 0.0
    for found, one in zip(TfliteFile(content)(images.numpy()), outputs, strict=True):
        expected = one.numpy()
        scale = max(float(np.abs(expected).max()), 1e-9)
        difference = max(difference, float(np.abs(found - expected).max()) / scale)
    if not difference <= TOLERANCE:
        msg = (
            f"a sliced file computes something else than torch: outputs differ by {difference:.2g} "
            f"of their size (allowed: {TOLERANCE:g})"
        )
        raise SlicingError(msg)
