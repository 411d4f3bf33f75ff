"""Which share of a model's MACs may be cut, for one model of every torchvision family.

python benchmarks/families.py [--quick] [--json] [--markdown]
"""

import argparse
import json
import warnings

import torch

from edgeprune.config import ModelConfig
from edgeprune.pruning import ChannelSpace
from edgeprune.workloads import build_model

FAMILIES = {
    "alexnet": ("alexnet", 224),
    "convnext": ("convnext_tiny", 224),
    "densenet": ("densenet121", 224),
    "efficientnet": ("efficientnet_b0", 224),
    "efficientnet_v2": ("efficientnet_v2_s", 224),
    "googlenet": ("googlenet", 224),
    "inception_v3": ("inception_v3", 299),
    "mnasnet": ("mnasnet1_0", 224),
    "mobilenet_v2": ("mobilenet_v2", 224),
    "mobilenet_v3": ("mobilenet_v3_large", 224),
    "regnet": ("regnet_y_400mf", 224),
    "resnet": ("resnet18", 224),
    "resnext": ("resnext50_32x4d", 224),
    "shufflenet_v2": ("shufflenet_v2_x1_0", 224),
    "squeezenet": ("squeezenet1_0", 224),
    "vgg": ("vgg11", 224),
    "wide_resnet": ("wide_resnet50_2", 224),
    "cifar_resnet": ("resnet56", 32),
    "cifar_mobilenet": ("mobilenet_v1", 32),
}
QUICK = ("mobilenet_v2", "resnet", "shufflenet_v2", "cifar_resnet")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true", help="four families only")
    parser.add_argument("--json", action="store_true", help="print one JSON object")
    parser.add_argument("--markdown", action="store_true", help="print the table of the docs")
    options = parser.parse_args()
    figures, rows = {}, []
    for family, (name, size) in FAMILIES.items():
        if options.quick and family not in QUICK:
            continue
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            model = build_model(ModelConfig(name=name))
            space = ChannelSpace.from_model(model, torch.randn(1, 3, size, size))
        share = space.cuttable_macs_share
        figures[f"cuttable_macs_share_{family}"] = round(share, 4)
        reasons = sorted({group.fixed for group in space.groups if group.fixed})
        groups = f"{len(space.free)} of {len(space.groups)}"
        rows.append(f"| {family} | `{name}` | {groups} | {share:.1%} | {'; '.join(reasons)} |")
        if not options.json and not options.markdown:
            print(f"{family:18} {name:20} {groups:12} {share:.1%}  {'; '.join(reasons)}")
    if options.markdown:
        print("| family | model | free groups | MACs in reach | what is fixed, and why |")
        print("|---|---|---|---|---|")
        print("\n".join(rows))
    if options.json:
        print(json.dumps({"benchmark": "families", "figures": figures}, indent=2))


if __name__ == "__main__":
    main()
