"""A trial cut when a space is opened: what the analysis says must hold in torch and in ONNX."""

import os
from collections.abc import Callable, Mapping, Sequence

import numpy as np
import torch
from torch import nn

from edgeprune.errors import SpaceError
from edgeprune.pruning.plan import Plan
from edgeprune.pruning.tracing import run_once
from edgeprune.tensors import Inputs, flattened_inputs

os.environ.setdefault("ORT_DISABLE_TELEMETRY", "1")
import onnxruntime

#: Largest difference between torch and ONNX Runtime, relative to the largest output.
TOLERANCE = 1e-4
#: Largest share of an output's whole numbers, such as classes of pixels, that may differ.
WHOLE_TOLERANCE = 0.01
#: What to say of a group that was cut without harm alone, but not together with others.
TOGETHER = "cutting it together with other groups fails"


def difference(outputs: np.ndarray, expected: np.ndarray) -> float:
    """Largest absolute difference relative to the largest expected value; infinite for NaN."""
    if outputs.shape != expected.shape:
        return float("inf")
    scale = max(float(np.abs(expected).max(initial=0.0)), 1e-30)
    worst = float(np.abs(outputs - expected).max(initial=0.0)) / scale
    return worst if np.isfinite(worst) else float("inf")


def run_onnx(content: bytes, inputs: Mapping[str, np.ndarray]) -> list[np.ndarray]:
    """Outputs of an ONNX file, unoptimised: this is about what it says, not how fast it is."""
    options = onnxruntime.SessionOptions()
    options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_DISABLE_ALL
    options.intra_op_num_threads = 1
    # It runs once: planning what may share memory takes longer than that, by far with attention.
    options.enable_mem_reuse = False
    options.log_severity_level = 4
    session = onnxruntime.InferenceSession(content, options, providers=["CPUExecutionProvider"])
    known = {one.name for one in session.get_inputs()}
    outputs: list[np.ndarray] = session.run(None, {n: v for n, v in inputs.items() if n in known})
    return outputs


def problem_with(
    plan: Plan,
    model: nn.Module,
    content: Callable[[], bytes],
    inputs: Inputs,
    *,
    batch: int,
    batch_axis: int | None = 0,
) -> str | None:
    """Prune a model and compare it with its ONNX file.

    Args:
        plan: what to cut; nothing is fine.
        model: the base model.
        content: makes the file.
        inputs: the example; a batch of one, if it has a batch.
        batch: how many examples the file runs on; this one is the last, after others.
        batch_axis: on which they stand in the inputs.

    Returns:
        What goes wrong, or None.
    """
    try:
        with torch.no_grad():
            expected = run_once(plan.apply(model), inputs)
        axis = 0 if batch_axis is None else batch_axis
        flat = flattened_inputs(inputs)
        given = {name: _several(one, batch, axis) for name, one in flat.items()}
        outputs = run_onnx(content(), given)
    except SpaceError as error:
        return f"the pruned model does not run: {error}"
    except Exception as error:
        return f"the pruned ONNX file does not run: {str(error).strip().splitlines()[0]}"
    for (name, one), found in zip(expected.items(), outputs, strict=True):
        wrong = _wrong_output(found, one.numpy(), batch)
        if wrong is not None:
            return wrong if len(outputs) == 1 else f"output {name!r}: {wrong}"
    return None


def _several(tensor: torch.Tensor, batch: int, axis: int) -> np.ndarray:
    """An input of the file: other examples, then this one; what has no batch stays as it is."""
    if batch == 1 or tensor.shape[axis : axis + 1] != (1,):
        return tensor.numpy()
    other = tensor.flip(-1) + 0.5 if tensor.is_floating_point() else tensor.flip(-1)
    return torch.cat([*[other] * (batch - 1), tensor], axis).numpy()


def _wrong_output(found: np.ndarray, expected: np.ndarray, batch: int) -> str | None:
    if found.shape != expected.shape:
        axes = [at for at, size in enumerate(expected.shape) if found.shape[at:][:1] != (size,)]
        times = [batch if at in axes else 1 for at in range(expected.ndim)]
        if len(axes) != 1 or found.shape != tuple(np.multiply(expected.shape, times).tolist()):
            return f"the ONNX file makes {found.shape} of {batch} images, torch {expected.shape}"
        size = expected.shape[axes[0]]
        found = found.take(range(found.shape[axes[0]] - size, found.shape[axes[0]]), axes[0])
    if not np.issubdtype(expected.dtype, np.floating):
        # What was a tie within rounding may be decided either way.
        other = float((found != expected).mean()) if expected.size else 0.0
        return f"{other:.1%} of the whole numbers differ" if other > WHOLE_TOLERANCE else None
    worst = difference(found, expected)
    if not worst <= TOLERANCE:
        return f"torch and ONNX Runtime differ by {worst:.1e} of the output scale"
    return None


def culprits(
    groups: Sequence[str], problem: Callable[[Sequence[str]], str | None]
) -> dict[str, str]:
    """Find the groups that cannot be cut, by halving.

    Args:
        groups: names.
        problem: cuts some groups and says what goes wrong.

    Returns:
        Reasons by name; without these groups all others can be cut together.
    """
    found: dict[str, str] = {}

    def search(part: Sequence[str]) -> None:
        reason = problem(part) if part else None
        if reason is None:
            return
        if len(part) == 1:
            found[part[0]] = reason
            return
        middle = len(part) // 2
        search(part[:middle])
        search(part[middle:])

    search(groups)
    # What only fails in company is added one by one; whoever makes it fail is left out.
    rest = [name for name in groups if name not in found]
    if rest and problem(rest) is not None:
        sound: list[str] = []
        for name in rest:
            if problem([*sound, name]) is None:
                sound.append(name)
            else:
                found[name] = TOGETHER
    return found
