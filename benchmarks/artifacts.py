"""Artifacts of three networks: each format and precision, base beside pruned, float beside int8.

    python benchmarks/artifacts.py [--quick] [--json] [--only resnet20] [--formats onnx tflite]

ResNet-20 and ResNet-56 are the shared CIFAR-10 checkpoints (``EDGEPRUNE_SHARED``), scored on test
images that neither calibration nor recovery saw. mobilenet_v2 has random weights and images of
noise at 224x224: its latencies and differences mean something, its accuracy nothing; its batch
norms are estimated on such images first, or its outputs would vanish. ``--quick``: ResNet-20 and
1000 images only.

*Pruned* is the uniform plan, in multiples of 4 channels, with at most half the MACs, after
least-squares recovery and batch-norm re-estimation, without any fine-tuning: accuracies are lower
than a run's. Every file is written, read back and run in its own runtime; differences are to float
torch. Latencies are of this machine, one thread, each lower precision in turns with the float32
file of the same format, and each pruned file in turns with the base's. TVM runs fewer images, and
its kernels are not tuned here (minutes for each network), so it has no latencies; of mobilenet_v2
it has float32 alone (the others take it minutes to compile).
Calibration: the recipe ``default`` (256 training images).
"""

import argparse
import json
import os
import sys
import tempfile
import time
from dataclasses import asdict, dataclass, replace
from pathlib import Path

import numpy as np
import torch
from torch import nn

from edgeprune.config import (
    DataConfig,
    ModelConfig,
    RecoverConfig,
    TargetConfig,
    WorkloadConfig,
    load_calibration,
    load_target,
)
from edgeprune.config.runtimes import TvmConfig
from edgeprune.devices import Comparison, open_device
from edgeprune.evaluation import Recovery
from edgeprune.export import compare_file
from edgeprune.export.formats import FORMATS, Made, Source, device_content, file_name, open_format
from edgeprune.pruning import ChannelSpace
from edgeprune.quantization import CalibrationImages
from edgeprune.workloads import ArraySplit, Split, build_model, load_workload

SHARED = Path(os.environ.get("EDGEPRUNE_SHARED", Path(__file__).parents[2] / "shared"))
MODELS = ("resnet20", "resnet56", "mobilenet_v2")
PRECISIONS = ("float32", "float16", "int8")
TVM_IMAGES = {"resnet20": 200, "resnet56": 200, "mobilenet_v2": 8}
#: Of channels: what kernels of int8 and float like on most processors.
MULTIPLE = 4
RUNTIMES = {"onnx": "onnxruntime", "tflite": "tflite"}


@dataclass(frozen=True)
class Row:
    """One file."""

    model: str
    side: str
    form: str
    precision: str
    kilobytes: float
    convert_s: float
    accuracy: float
    agreement: float
    max_abs_difference: float
    output_scale: float
    transposes: int
    float_layers: int
    ms: float | None = None
    ratio_to_float32: float | None = None
    ratio_to_base: float | None = None


def open_network(name: str) -> tuple[nn.Module, Split, Split]:
    """A network with what it is recovered and calibrated on, and what it is scored on."""
    if name == "mobilenet_v2":
        generator = np.random.default_rng(0)
        pixels = generator.integers(0, 256, (320, 3, 224, 224), np.uint8)
        split = ArraySplit("noise", pixels, np.zeros(320, np.int64))
        model = build_model(ModelConfig(name=name))
        _estimate_norms(model, split)
        return model, split, split.subset(64, 1)
    workload = load_workload(
        WorkloadConfig(
            model=ModelConfig(
                name=name,
                num_classes=10,
                weights=SHARED / "checkpoints" / f"cifar10-jpeg-{name}.pt",
            ),
            data=DataConfig(
                name="imagefolder",
                root=SHARED / "data" / "cifar10-jpeg.tar.xz",
                reward_list=SHARED / "data" / "cifar10-reward.txt",
                test_list=SHARED / "data" / "cifar10-test.txt",
            ),
        )
    )
    return workload.model, workload.splits.train, workload.splits.test


def _estimate_norms(model: nn.Module, split: Split) -> None:
    norms = [one for one in model.modules() if isinstance(one, nn.BatchNorm2d)]
    for norm in norms:
        norm.reset_running_stats()
        norm.momentum = None  # the mean over all batches
    model.train()
    with torch.inference_mode():
        for (images, _), _ in zip(split.batches(32), range(3), strict=False):
            model(images)
    model.eval()


def sides(model: nn.Module, train: Split) -> dict[str, Source]:
    """The network as it is, and pruned."""
    example, _ = next(iter(train.batches(1)))
    space = ChannelSpace.from_model(model, example, multiple=MULTIPLE)
    half = space.macs(space.full) / 2
    scales = (percent / 100 for percent in range(95, 20, -1))
    widths = next(one for one in map(space.scaled, scales) if space.macs(one) <= half)
    recovery = Recovery(model, train, RecoverConfig(images=256))
    pruned = recovery.recover(space.plan(widths, "l1", scores=space.importance("l1"))).eval()
    content = space.template.candidate(pruned.state_dict())
    return {
        "base": Source(model, space.template.base, example),
        "pruned": Source(pruned, content, example),
    }


def measure(name: str, formats: list[str], images: int, folder: Path) -> list[Row]:
    """Every file of one network."""
    model, train, test = open_network(name)
    recipe = load_calibration("default")
    calibration = CalibrationImages(train, recipe)
    target = load_target("local").model_copy(update={"tvm": TvmConfig(allow_untuned=True)})
    rows, files = [], {}
    for side, source in sides(model, train).items():
        for form in formats:
            opened = open_format(form, target)
            lower = form != "tvm" or name != "mobilenet_v2"
            for precision in PRECISIONS if lower else PRECISIONS[:1]:
                start = time.perf_counter()
                made = opened.convert(source, precision, calibration)
                seconds = time.perf_counter() - start
                path = write(folder / name / side / file_name(form, precision, target), made)
                files[side, form, precision] = path
                # TVM runs image by image, and its untuned kernels slowly.
                count = images if form != "tvm" else min(images, TVM_IMAGES[name])
                some = test.subset(min(count, len(test)), 0)
                found = compare_file(path, opened.run(path), source.model, some)
                lint = opened.lint(path)
                row = Row(
                    name,
                    side,
                    form,
                    precision,
                    len(made.content) / 1e3,
                    seconds,
                    100 * found.accuracy,
                    100 * found.top1_agreement,
                    found.max_abs_difference,
                    found.output_scale,
                    lint.transposes,
                    len(getattr(lint, "float_layers", ())),
                )
                rows.append(row)
                print_row(row)
    return time_files(rows, files, target)


def time_files(
    rows: list[Row], files: dict[tuple[str, str, str], Path], target: TargetConfig
) -> list[Row]:
    """Latencies beside the float32 file, and of the pruned float32 file beside the base's."""
    timed = []
    for form, runtime in RUNTIMES.items():
        with open_device(target.model_copy(update={"runtime": runtime})) as device:

            def compare(one: Path, other: Path) -> Comparison:
                return device.compare(device_content(one), device_content(other))

            for row in (one for one in rows if one.form == form):
                path = files[row.side, form, row.precision]
                beside = compare(path, files[row.side, form, "float32"])
                base = compare(path, files["base", form, row.precision])
                timed.append(
                    replace(
                        row,
                        ms=beside.candidate.level_ms,
                        ratio_to_float32=None if row.precision == "float32" else beside.ratio,
                        ratio_to_base=None if row.side == "base" else base.ratio,
                    )
                )
    return [*timed, *(one for one in rows if one.form not in RUNTIMES)]


def write(path: Path, made: Made) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(made.content)
    for suffix, content in made.companions.items():
        path.with_name(path.name + suffix).write_bytes(content)
    return path


def figures(rows: list[Row]) -> dict[str, float]:
    """What the issue names: int8 of the pruned net beside its own float file, per runtime."""
    found: dict[str, float] = {}
    by_key = {(one.model, one.side, one.form, one.precision): one for one in rows}
    for name in dict.fromkeys(one.model for one in rows):
        own = [one for one in rows if one.model == name]
        for form, prefix in (("onnx", ""), ("tflite", "tflite_")):
            quantized = by_key.get((name, "pruned", form, "int8"))
            exact = by_key.get((name, "pruned", form, "float32"))
            if quantized is None or exact is None:
                continue
            if name != "mobilenet_v2":
                drop = exact.accuracy - quantized.accuracy
                found[f"{prefix}int8_accuracy_drop_{name}"] = drop
            found[f"{prefix}int8_agreement_{name}"] = quantized.agreement
            if quantized.ratio_to_float32 is not None:
                found[f"{prefix}int8_latency_ratio_{name}"] = quantized.ratio_to_float32
        for form in ("tflite", "tvm"):
            plain = [one for one in own if one.form == form and one.precision == "float32"]
            if plain:
                worst = max(one.max_abs_difference for one in plain)
                found[f"{form}_max_abs_diff_{name}"] = worst
                seconds = max(one.convert_s for one in plain)
                found[f"{form}_convert_s_{name}"] = seconds
        tflite = [one.transposes for one in own if one.form == "tflite"]
        if tflite:
            found[f"transposes_{name}"] = max(tflite)
    return found


def print_row(row: Row) -> None:
    print(
        f"{row.model:13}{row.side:7}{row.form:7}{row.precision:9}{row.kilobytes:9.0f} kB"
        f"{row.convert_s:7.1f} s{row.accuracy:7.2f} %{row.agreement:7.2f} %"
        f"{row.max_abs_difference:10.2g} of {row.output_scale:6.3g}"
        f"{'' if row.ms is None else f'{row.ms:9.3f} ms'}"
        f"{'' if row.ratio_to_float32 is None else f'{row.ratio_to_float32:7.3f}x float32'}"
        f"{'' if row.ratio_to_base is None else f'{row.ratio_to_base:7.3f}x base'}",
        file=sys.stderr,
        flush=True,
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--quick", action="store_true", help="ResNet-20 and 1000 images only")
    parser.add_argument("--json", action="store_true")
    parser.add_argument("--only", choices=MODELS, action="append")
    parser.add_argument("--formats", nargs="+", choices=FORMATS, default=list(FORMATS))
    parser.add_argument("--images", type=int, default=2000, help="test images")
    options = parser.parse_args()
    models = options.only or (MODELS[:1] if options.quick else MODELS)
    images = min(options.images, 1000) if options.quick else options.images
    rows: list[Row] = []
    with tempfile.TemporaryDirectory(prefix="edgeprune-artifacts-") as folder:
        for name in models:
            rows += measure(name, options.formats, images, Path(folder))
    for row in rows:
        print_row(row)
    result = figures(rows)
    if options.json:
        print(json.dumps({"figures": result, "rows": [asdict(one) for one in rows]}, indent=2))
    else:
        for key, value in result.items():
            print(f"{key:42}{value:.4g}")


if __name__ == "__main__":
    main()
