"""A trial cut when a space is opened: what the analysis says must hold in torch and in ONNX."""

import os
from collections.abc import Callable, Sequence

import numpy as np
import torch
from torch import nn

from edgeprune.errors import SpaceError
from edgeprune.pruning.plan import Plan
from edgeprune.pruning.template import Template
from edgeprune.pruning.tracing import run_once

os.environ.setdefault("ORT_DISABLE_TELEMETRY", "1")
import onnxruntime

#: Largest difference between torch and ONNX Runtime, relative to the largest output.
TOLERANCE = 1e-4
#: What to say of a group that was cut without harm alone, but not together with others.
TOGETHER = "cutting it together with other groups fails"


def difference(outputs: np.ndarray, expected: np.ndarray) -> float:
    """Largest absolute difference relative to the largest expected value; infinite for NaN."""
    if outputs.shape != expected.shape:
        return float("inf")
    scale = max(float(np.abs(expected).max(initial=0.0)), 1e-30)
    worst = float(np.abs(outputs - expected).max(initial=0.0)) / scale
    return worst if np.isfinite(worst) else float("inf")


def run_onnx(content: bytes, images: np.ndarray) -> np.ndarray:
    """Outputs of an ONNX file, unoptimised: this is about what it says, not how fast it is."""
    options = onnxruntime.SessionOptions()
    options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_DISABLE_ALL
    options.intra_op_num_threads = 1
    options.log_severity_level = 4
    session = onnxruntime.InferenceSession(content, options, providers=["CPUExecutionProvider"])
    outputs: np.ndarray = session.run(None, {"input": images})[0]
    return outputs


def problem_with(
    plan: Plan, model: nn.Module, content: Callable[[], bytes], images: torch.Tensor, *, batch: int
) -> str | None:
    """Prune a model and compare it with its ONNX file.

    Args:
        plan: what to cut; nothing is fine.
        model: the base model.
        content: makes the file.
        images: the example, (1, C, H, W).
        batch: images the file runs on; the example is the last one, after others.

    Returns:
        What goes wrong, or None.
    """
    try:
        with torch.no_grad():
            expected = run_once(plan.apply(model), images).numpy()
        others = [images.flip(-1) + 0.5] * (batch - 1)
        outputs = run_onnx(content(), torch.cat([*others, images]).numpy())
    except SpaceError as error:
        return f"the pruned model does not run: {error}"
    except Exception as error:
        return f"the pruned ONNX file does not run: {str(error).strip().splitlines()[0]}"
    worst = difference(outputs[-len(expected) :], expected)
    if len(outputs) != batch * len(expected):
        return f"the ONNX file makes {outputs.shape} of {batch} images"
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


def template_runs(template: Template, plan: Plan, model: nn.Module, images: torch.Tensor) -> bool:
    """Whether the unpruned file computes what the unpruned model does, on a batch if it says so."""
    batch = 2 if template.dynamic_batch else 1
    return problem_with(plan, model, lambda: template.base, images, batch=batch) is None
