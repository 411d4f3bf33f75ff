"""A run as it could have been: ResNet-20 on digits at half the latency, 80 trials a search."""

import random
from typing import Any

from edgeprune.report import Summary

PIPELINE = """\
workload:
  model: {name: resnet20, num_classes: 10, weights: null}
  data: {name: digits, reward_split: 0.25, seed: 0}
  train: {epochs: 12}
target: local
budget: {latency: 0.5x}
search: {sampler: amc, trials: 80, seed: 0}
finetune: {epochs: 8, lr: 0.02, distill: true}
"""

BLOCKS = [(stage, block) for stage in (1, 2, 3) for block in (0, 1, 2)]
AFTER = {"layer1.1.conv1": 13, "layer2.0.conv1": 20, "layer2.1.conv1": 32, "layer3.2.conv1": 28}


def _row(role: str, name: str, accuracy: float, latency_ms: float, **more: Any) -> dict[str, Any]:
    scale = more.pop("scale", 1.0)
    ratio = round(latency_ms / 1.21, 4)
    return {
        "name": name,
        "role": role,
        "accuracy": accuracy,
        "median_ms": latency_ms,
        "interval_ms": [latency_ms * 0.99, latency_ms * 1.012],
        "ratio": ratio,
        "ratio_interval": [ratio * 0.994, ratio * 1.005],
        "macs": int(40_813_184 * scale),
        "parameters": int(272_474 * scale),
        "bytes": int(1_121_000 * scale),
        **more,
    }


def _trials() -> list[dict[str, Any]]:
    generator = random.Random(0)
    trials = []
    for sampler in ("amc", "random"):
        for number in range(80):
            learnt = number / 80 if sampler == "amc" else 0.2
            ratio = generator.gauss(0.48, 0.022 if sampler == "amc" else 0.03)
            accuracy = 0.72 + 0.5 * (ratio - 0.5) + 0.17 * learnt - abs(generator.gauss(0, 0.06))
            trials.append(
                {
                    "number": number,
                    "sampler": sampler,
                    "accuracy": max(0.1, min(1.0, accuracy)),
                    "ratio": ratio,
                    "latency_ms": 1.21 * ratio,
                    "macs": int(40_813_184 * (ratio - 0.1)),
                    "reward": max(0.1, min(1.0, accuracy)),
                    "feasible": ratio <= 0.5,
                }
            )
    for trial in sorted(trials[:80], key=lambda t: -t["reward"] if t["feasible"] else 1.0)[:5]:
        trial["finalist"] = True
    return trials


def _groups() -> list[dict[str, Any]]:
    groups: list[dict[str, Any]] = []
    for stage, block in BLOCKS:
        width = 16 * 2 ** (stage - 1)
        name = f"layer{stage}.{block}.conv1"
        groups.append(
            {
                "name": name,
                "layers": [name, name.replace("conv1", "conv2")],
                "before": width,
                "after": AFTER.get(name, width // 2),
                "macs_share": 0.1,
                "fixed": None,
            }
        )
    for name, width, reason in (
        ("conv1", 16, "added to zero-padded channels (shortcut A of layer2.0)"),
        ("linear", 10, "it is the model's output"),
    ):
        groups.append(
            {
                "name": name,
                "layers": [name],
                "before": width,
                "after": width,
                "macs_share": 0.011,
                "fixed": reason,
            }
        )
    return groups


def _layers() -> list[dict[str, Any]]:
    def layer(name: str, op: str, before: float, after: float, *channels: str) -> dict[str, Any]:
        first, second = channels or (None, None)
        return {
            "name": name,
            "op": op,
            "before_ms": before,
            "after_ms": after,
            "before_channels": first,
            "after_channels": second,
        }

    layers = [layer("conv1", "Conv", 0.031, 0.0315, "3->16", "3->16")]
    for stage, block in BLOCKS:
        width = 16 * 2 ** (stage - 1)
        fed = width // 2 if block == 0 and stage > 1 else width
        name = f"layer{stage}.{block}.conv1"
        kept = AFTER.get(name, width // 2)
        share = max(kept / width, 0.3)
        if name == "layer1.1.conv1":
            share = 1.01
        layers += [
            layer(name, "Conv", 0.061, 0.061 * share, f"{fed}->{width}", f"{fed}->{kept}"),
            layer(
                name.replace("conv1", "conv2"),
                "Conv",
                0.062,
                0.062 * share,
                f"{width}->{width}",
                f"{kept}->{width}",
            ),
            layer(f"layer{stage}.{block}.add", "Add", 0.009, 0.0091),
        ]
    layers.append(layer("linear", "Gemm", 0.004, 0.004, "64->10", "64->10"))
    return layers


def sample() -> dict[str, Any]:
    """Plain values, new at each call, for a test to change."""
    return {
        "title": "digits",
        "created": "2026-11-21T02:48:01+00:00",
        "version": "0.1.0",
        "seed": 0,
        "pipeline": PIPELINE,
        "target": {
            "name": "local",
            "runtime": "onnxruntime",
            "version": "1.31.0",
            "cpu": "AMD EPYC 7B13",
            "threads": 1,
            "clock": "wall",
        },
        "budget": {"text": "0.5x", "ratio": 0.5, "met": True},
        "rows": [
            _row("base", "base model", 0.983, 1.21),
            _row("result", "edgeprune (amc)", 0.980, 0.59, scale=0.41, trials=80),
            _row("uniform", "uniform-L1, same latency", 0.974, 0.588, scale=0.44),
            _row("filled", "uniform-L1, filled", 0.975, 0.593, scale=0.46),
            _row("random", "random search, same trials", 0.977, 0.591, scale=0.42, trials=80),
        ],
        "trials": _trials(),
        "groups": _groups(),
        "layers": _layers(),
        "seconds": {
            "propose": 0.012,
            "candidate": 0.021,
            "recover": 0.31,
            "accuracy": 0.24,
            "latency": 0.41,
        },
        "verification": {
            "accuracy": 0.98,
            "max_abs_difference": 1.9e-6,
            "mean_abs_difference": 2.1e-7,
            "top1_agreement": 1.0,
            "images": 360,
            "output_scale": 14.2,
        },
        "notes": [],
    }


def summary(**changes: Any) -> Summary:
    """The sample with some of its top-level values replaced."""
    return Summary.from_json({**sample(), **changes})
