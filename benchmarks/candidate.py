"""From a plan to ONNX bytes ready for the device, against the usual way, in one run.

    python benchmarks/candidate.py [--quick] [--json]

Ours slices the base model's weights into the template. The usual way deep-copies the model,
builds torch-pruning's dependency graph, prunes and exports with ``torch.onnx.export`` as it comes
(``legacy``: with its older, faster tracer, ``dynamo=False``). All keep about half of every group's
channels; each round uses other widths, and they take turns.
"""

import argparse
import copy
import io
import json
import statistics
import time
import warnings
from collections.abc import Callable

import numpy as np
import torch
import torch_pruning
from torch import nn

from edgeprune.config import ModelConfig
from edgeprune.pruning import ChannelSpace
from edgeprune.workloads import build_model

MODELS = {
    "mobilenet_v2": 224,
    "resnet18": 224,
    "resnet50": 224,
    "efficientnet_b0": 224,
    "resnet56": 32,
}


def _usual(model: nn.Module, example: torch.Tensor, ratio: float, **how: bool) -> bytes:
    pruned = copy.deepcopy(model)
    classifier = [module for module in pruned.modules() if isinstance(module, nn.Linear)][-1]
    pruner = torch_pruning.pruner.MagnitudePruner(
        pruned,
        example,
        importance=torch_pruning.importance.MagnitudeImportance(p=1),
        pruning_ratio=1 - ratio,
        ignored_layers=[classifier],
        channel_groups={},
        num_heads={},
    )
    pruner.step()
    return _export(pruned.eval(), example, **how)


def _export(model: nn.Module, example: torch.Tensor, **how: bool) -> bytes:
    buffer = io.BytesIO()
    torch.onnx.export(model, (example,), buffer, **how, verbose=False)
    return buffer.getvalue()


def _seconds(action: Callable[[], object]) -> float:
    start = time.perf_counter()
    action()
    return time.perf_counter() - start


def compare(name: str, size: int, rounds: int) -> dict[str, float]:
    """Milliseconds of ours and the usual way, and their ratio, over `rounds` plans."""
    # torch-pruning breaks option-A shortcuts; both sides get the convolutional ones.
    model = build_model(ModelConfig(name=name, shortcut="B" if name == "resnet56" else "A"))
    example = torch.randn(1, 3, size, size)
    opening = _seconds(lambda: ChannelSpace.from_model(model, example))
    export = _seconds(lambda: _export(model, example))
    export_legacy = _seconds(lambda: _export(model, example, dynamo=False))
    space = ChannelSpace.from_model(model, example)
    scores = space.importance("l1")
    rng = np.random.default_rng(0)
    ours, planning, usual, legacy = [], [], [], []
    for _ in range(rounds):
        ratio = float(rng.uniform(0.4, 0.6))
        widths = space.scaled(ratio)
        start = time.perf_counter()
        plan = space.plan(widths, "l1", scores=scores)
        planned = time.perf_counter()
        space.template.candidate(space.slice_state(plan))
        ours.append(time.perf_counter() - planned)
        planning.append(planned - start)
        usual.append(_seconds(lambda ratio=ratio: _usual(model, example, ratio)))
        legacy.append(_seconds(lambda ratio=ratio: _usual(model, example, ratio, dynamo=False)))
    ratios = [b / a for a, b in zip(ours, usual, strict=True)]
    ratios_legacy = [b / a for a, b in zip(ours, legacy, strict=True)]
    return {
        f"candidate_ms_{name}": 1e3 * statistics.median(ours),
        f"candidate_ms_{name}_min": 1e3 * min(ours),
        f"candidate_ms_{name}_max": 1e3 * max(ours),
        f"plan_ms_{name}": 1e3 * statistics.median(planning),
        f"usual_ms_{name}": 1e3 * statistics.median(usual),
        f"candidate_ratio_{name}": statistics.median(ratios),
        f"candidate_ratio_{name}_min": min(ratios),
        f"candidate_ratio_{name}_max": max(ratios),
        f"usual_ms_{name}_legacy": 1e3 * statistics.median(legacy),
        f"candidate_ratio_{name}_legacy": statistics.median(ratios_legacy),
        f"open_over_export_{name}": opening / export,
        f"open_over_export_{name}_legacy": opening / export_legacy,
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true", help="three rounds instead of nine")
    parser.add_argument("--json", action="store_true", help="print one JSON object")
    options = parser.parse_args()
    torch.set_num_threads(1)
    figures: dict[str, float] = {}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        for name, size in MODELS.items():
            figures |= compare(name, size, 3 if options.quick else 9)
    figures["candidate_ratio_min"] = min(figures[f"candidate_ratio_{name}"] for name in MODELS)
    figures = {name: round(value, 3) for name, value in figures.items()}
    if options.json:
        print(json.dumps({"benchmark": "candidate", "figures": figures}, indent=2))
    else:
        for name, value in figures.items():
            print(f"{name:40} {value}")


if __name__ == "__main__":
    main()
