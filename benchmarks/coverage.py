"""Which networks open, what of their MACs may be cut, and whether the counts and cuts are right.

    python benchmarks/coverage.py [--network NAME ...] [--limit N] [--quick] [--json]
        [--attention] [--beside] [--keep FILE] [--minutes M]

Networks are timm's, with random weights; without ``--network`` all that are no attention networks
(``--attention``: 20 that are) and have at most 60 M parameters. Each runs in a process of its own
with a time limit; with ``--keep`` its line of JSON is appended to that file, and a network that is
there already is not run again. One line of JSON per network is printed as it comes, then one
object with all of them and the figures (``--json``: that object alone). ``--beside`` also asks
torch-pruning, at ratio 0.5; it is told the number of heads of attention, as its documentation asks.

Times are of the processor, so that other work beside it hardly counts, and the least of `TIMES` in
turns. Images are `IMAGE` pixels where the network allows it, and of its own size elsewhere.
"""

import argparse
import copy
import fnmatch
import json
import random
import subprocess
import sys
import time
import warnings
from collections import Counter
from pathlib import Path
from typing import Any

import torch
from torch import nn
from torch.nn.attention import SDPBackend, sdpa_kernel
from torch.utils.flop_counter import FlopCounterMode

sys.path.insert(0, str(Path(__file__).parent.parent))

from edgeprune.errors import SpaceError
from edgeprune.pruning import ChannelSpace
from edgeprune.pruning.soundness import problem_with
from edgeprune.pruning.tracing import trace
from tests.pruning.promises import drawn_widths

#: Side of the images, in pixels.
IMAGE = 96
PLANS = 5
TIMES = 3
MOST_PARAMETERS = 60_000_000
#: What counts as "within reach": so much of the MACs.
REACH, ATTENTION_REACH = 0.95, 0.80
QUICK = ("mobilenetv3_small_050", "resnet10t", "lcnet_050", "ghostnetv2_100")
#: timm's modules that hold networks without attention.
MODULES = (
    *("byobnet", "convmixer", "convnext", "cspnet", "densenet", "dla", "dpn", "efficientnet"),
    *("fasternet", "ghostnet", "hardcorenas", "hgnet", "hrnet", "inception_next"),
    *("inception_resnet_v2", "inception_v3", "inception_v4", "mambaout", "mobilenetv3"),
    *("mobilenetv5", "nasnet", "nfnet", "pnasnet", "rdnet", "regnet", "repghost", "repvit"),
    *("res2net", "resnest", "resnet", "resnetv2", "rexnet", "selecsls", "senet", "sknet"),
    *("starnet", "tresnet", "vgg", "vovnet", "xception", "xception_aligned"),
)
#: Networks of those modules that do have attention.
ATTENDING = (
    *(
        "*botnet*",
        "*halonet*",
        "*lambda*",
        "*sebotnet*",
        "*eca_botnext*",
        "*lamhalo*",
        "*haloregnet*",
    ),
    *("mobilenetv4_hybrid*", "*gcresnet*attn*", "resnet50_clip*", "resnet101_clip*", "*_clip*"),
    *("vit_*", "mobilenetv5_300m*"),
)
ATTENTION = (
    *("vit_tiny_patch16_224", "deit_tiny_patch16_224", "mobilevit_xxs", "mobilevitv2_050"),
    *("efficientvit_b0", "efficientvit_m0", "levit_128s", "xcit_nano_12_p16_224"),
    *("swin_tiny_patch4_window7_224", "pit_ti_224", "cait_xxs24_224", "convit_tiny"),
    *("crossvit_tiny_240", "edgenext_xx_small", "efficientformer_l1", "poolformer_s12"),
    *("mobilenetv4_hybrid_medium", "tiny_vit_5m_224", "fastvit_t8", "maxvit_pico_rw_256"),
)


def main() -> None:
    """Print what was found."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--network", action="append", default=[], help="one of timm's; repeatable")
    parser.add_argument("--limit", type=int, help="so many networks, spread over the list")
    parser.add_argument("--quick", action="store_true", help=f"only {', '.join(QUICK)}")
    parser.add_argument("--attention", action="store_true", help="20 attention networks")
    parser.add_argument("--beside", action="store_true", help="ask torch-pruning, too")
    parser.add_argument("--keep", type=Path, help="lines of JSON that a later call goes on from")
    parser.add_argument("--minutes", type=float, default=5, help="for one network (5)")
    parser.add_argument("--json", action="store_true", help="print one object alone")
    parser.add_argument("--alone", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.alone:
        print(json.dumps(examined(options.alone, beside=options.beside)))
        return
    rows = []
    known = _kept(options.keep)
    for name in _names(options):
        row = known.get(name) or _in_a_process(name, options)
        rows.append(row)
        if name not in known and options.keep:
            with options.keep.open("a") as file:
                file.write(json.dumps(row) + "\n")
        if not options.json:
            print(json.dumps(row), flush=True)
    found = {"benchmark": "coverage", "figures": figures(rows), "networks": rows}
    if options.json:
        print(json.dumps(found, indent=2))
    else:
        print(json.dumps(found["figures"], indent=2))


def figures(rows: list[dict[str, Any]]) -> dict[str, float]:
    """All networks in numbers; those that are too large are left out."""
    asked = [row for row in rows if "skipped" not in row]
    opened = [row for row in asked if row["opened"]]
    attending = [row for row in opened if row["network"] in ATTENTION]
    found = {
        "networks": len(asked),
        "timm_opened_share": _share(len(opened), len(asked)),
        "timm_within_reach_share": _share(
            sum(row["within_reach"] >= REACH for row in opened), len(asked)
        ),
        "attention_within_reach": sum(row["within_reach"] >= ATTENTION_REACH for row in attending),
        "timm_wrong": sum(row["wrong_plans"] > 0 for row in opened),
        "macs_wrong": sum(row["macs_wrong"] for row in opened),
        "open_over_export_max": max((row["open_over_export"] for row in opened), default=0.0),
    }
    compared = [row for row in asked if "torch_pruning" in row]
    if compared:
        handled = [row for row in compared if row["torch_pruning"]["runs"]]
        found["torch_pruning_opened_share"] = _share(len(handled), len(compared))
        found["refused_but_torch_pruning_runs"] = sum(not row["opened"] for row in handled)
    return found


def _share(part: int, whole: int) -> float:
    return round(part / max(whole, 1), 4)


def _names(options: argparse.Namespace) -> list[str]:
    if options.network:
        return list(options.network)
    if options.quick:
        return list(QUICK)
    if options.attention:
        return list(ATTENTION)
    import timm

    names = [name for module in MODULES for name in timm.list_models(module=module)]
    names = [name for name in names if not any(fnmatch.fnmatch(name, one) for one in ATTENDING)]
    if options.limit and options.limit < len(names):
        return [names[index * len(names) // options.limit] for index in range(options.limit)]
    return names


def _kept(file: Path | None) -> dict[str, dict[str, Any]]:
    if file is None or not file.exists():
        return {}
    rows = [json.loads(line) for line in file.read_text().splitlines() if line.strip()]
    return {row["network"]: row for row in rows}


def _in_a_process(name: str, options: argparse.Namespace) -> dict[str, Any]:
    command = [sys.executable, __file__, "--alone", name, *["--beside"] * options.beside]
    seconds = 60 * options.minutes
    row: dict[str, Any] = {"network": name, "opened": False}
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=seconds)
    except subprocess.TimeoutExpired:
        return row | {"refused": f"not done within {seconds:.0f} s"}
    if done.returncode:
        last = (done.stderr.strip().splitlines() or ["no message"])[-1]
        return row | {"refused": f"exit status {done.returncode}: {last}"}
    found: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return found


def examined(name: str, *, beside: bool = False) -> dict[str, Any]:
    """Everything about one network.

    Args:
        name: timm's name.
        beside: whether torch-pruning is asked, too.
    """
    warnings.simplefilter("ignore")
    torch.manual_seed(0)
    row: dict[str, Any] = {"network": name}
    model, image = _built(name)
    if model is None or image is None:
        return row | {"skipped": f"more than {MOST_PARAMETERS / 1e6:.0f} M parameters"}
    row |= {"image": image.shape[-1], "parameters": sum(p.numel() for p in model.parameters())}
    trace(nn.Sequential(nn.Conv2d(3, 4, 3)), image)  # what the first export loads
    exports, openings = [], []
    try:
        for _ in range(TIMES):
            start = time.process_time()
            trace(model, image)
            exports.append(time.process_time() - start)
            start = time.process_time()
            space = ChannelSpace.from_model(model, image)
            openings.append(time.process_time() - start)
    except SpaceError as error:
        row |= {"opened": False, "refused": str(error)}
    else:
        row |= {
            "opened": True,
            "export_s": round(min(exports), 3),
            "open_over_export": round(min(openings) / min(exports), 2),
            **_cuts(space, model, image),
        }
    return row | ({"torch_pruning": _torch_pruned(model, image)} if beside else {})


def _built(name: str) -> tuple[nn.Module | None, torch.Tensor | None]:
    import timm

    with torch.device("meta"):
        parameters = sum(one.numel() for one in timm.create_model(name).parameters())
    if parameters > MOST_PARAMETERS:
        return None, None
    model = enlivened(timm.create_model(name, pretrained=False).eval()).requires_grad_(False)
    channels, own, _ = model.default_cfg["input_size"]
    sizes = [own] if model.default_cfg.get("fixed_input_size") else [min(IMAGE, own), own]
    for size in sizes:
        image = torch.randn(1, channels, size, size)
        try:
            with torch.no_grad():
                model(image)
        except Exception:
            continue
        return model, image
    return model, torch.randn(1, channels, own, own)


def enlivened(model: nn.Module) -> nn.Module:
    """The model with everything that starts as zeros or ones drawn at random.

    As built, scales of zero hide whole branches: a wrong cut inside them would not be seen.
    """
    generator = torch.Generator().manual_seed(0)
    for name, tensor in model.state_dict().items():
        if not tensor.is_floating_point() or tensor.numel() < 2:
            continue
        if (tensor == tensor.flatten()[0]).all():
            shift = 0.0 if name.endswith(("bias", "beta", "running_mean")) else 1.0
            tensor.copy_(shift + 0.4 * torch.rand(tensor.shape, generator=generator) - 0.2)
    return model


def _cuts(space: ChannelSpace, model: nn.Module, image: torch.Tensor) -> dict[str, Any]:
    """Five random plans, in torch and ONNX Runtime; counts of the whole and of the cut model."""
    counted = [(space.macs(space.full), flops(model, image))]
    wrong: list[str] = []
    choose = random.Random(0)
    for _ in range(PLANS):
        widths = drawn_widths(space, choose)
        plan = space.plan(widths)
        problem = problem_with(
            *(plan, model),
            lambda plan=plan: space.template.candidate(space.slice_state(plan)),
            image,
            batch=2 if space.template.dynamic_batch else 1,
        )
        if problem is not None:
            wrong.append(problem)
            continue
        pruned = plan.apply(model)
        counted.append((space.macs(widths), flops(pruned, image)))
        if space.params(widths) != sum(one.numel() for one in pruned.parameters()):
            wrong.append("the predicted number of parameters is not that of the pruned model")
    return {
        "within_reach": round(space.cuttable_macs_share, 4),
        "wrong_plans": len(wrong),
        "problems": sorted(set(wrong)),
        "macs_predicted": counted[0][0],
        "macs_counted": counted[0][1],
        "macs_wrong": any(predicted != found for predicted, found in counted),
        "fixed": _fixed(space),
    }


def _fixed(space: ChannelSpace) -> dict[str, float]:
    """Shares of the MACs in layers of fixed groups by the reason, largest first."""
    shares: Counter[str] = Counter()
    for group in space.groups:
        if group.fixed is not None:
            shares[group.fixed] += round(group.macs_share, 4)
    return dict(shares.most_common(6))


def flops(model: nn.Module, image: torch.Tensor) -> int:
    """Multiply-accumulates as torch's flop counter has them; it knows no fused attention."""
    counting = FlopCounterMode(display=False)
    with torch.no_grad(), sdpa_kernel(SDPBackend.MATH), counting as counter:
        model(image)
    return counter.get_total_flops() // 2


def _torch_pruned(model: nn.Module, image: torch.Tensor) -> dict[str, Any]:
    """torch-pruning at ratio 0.5: whether it runs, keeps the output's shape, and MACs left."""
    import torch_pruning as tp

    pruned = copy.deepcopy(model).requires_grad_(True)  # it follows gradients
    before = flops(model, image)
    last = [one for one in pruned.modules() if isinstance(one, nn.Linear)][-1:]
    attending = _attending(pruned)
    for module in attending:
        module.fused_attn = False  # as its own examples have it: fused, it cannot be followed
    try:
        pruner = tp.pruner.MagnitudePruner(
            pruned,
            image,
            importance=tp.importance.MagnitudeImportance(p=1),
            pruning_ratio=0.5,
            ignored_layers=last,
            channel_groups={},
            num_heads={
                layer: module.num_heads for module, layers in attending.items() for layer in layers
            },
        )
        pruner.step()
        for module, (first, *_) in attending.items():
            _resize_heads(module, first, pruner.num_heads[first])
        with torch.no_grad():
            same = pruned(image).shape == model(image).shape
        left = flops(pruned, image) / max(before, 1)
    except Exception as error:
        return {"runs": False, "why": f"{type(error).__name__}: {error}"[:200]}
    return {"runs": bool(same), "macs_left": round(left, 4)}


def _attending(model: nn.Module) -> dict[nn.Module, list[nn.Module]]:
    """Modules with heads, and their layers that torch-pruning wants to be told the number for."""
    found = {}
    for module in model.modules():
        if isinstance(getattr(module, "num_heads", None), int):
            layers = [getattr(module, name, None) for name in ("qkv", "q", "k", "v", "kv")]
            linear = [one for one in layers if isinstance(one, nn.Linear | nn.Conv2d)]
            if linear:
                found[module] = linear
    return found


def _resize_heads(module: nn.Module, first: nn.Module, heads: int) -> None:
    """Sizes that timm's attention keeps as numbers, set as torch-pruning's examples do."""
    outputs = first.weight.shape[0] // (3 if first is getattr(module, "qkv", None) else 1)
    module.num_heads = heads
    for name, size in (("head_dim", outputs // heads), ("attn_dim", outputs)):
        if hasattr(module, name):
            setattr(module, name, size)


if __name__ == "__main__":
    main()
