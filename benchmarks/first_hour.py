"""A new user's first hour: from an own network and an own folder to a verified bundle, no edits.

    python benchmarks/first_hour.py [--network vgg] [--layout flat] --json

Three networks that edgeprune does not know (a MobileNet with squeeze-and-excitation, a VGG-like
one, one of timm's where timm is installed) meet three layouts of one set of images: class folders
alone, train/ beside val/, and train/, val/ and test/. For each pair the commands of the quick start
are typed, as processes: ``init`` with flags, ``check``, ``run``. Nothing is edited in between.
``ruined_results`` counts results that lost more than 20 points without a word of warning. Each
report is opened in headless Chromium, wide and narrow, light and dark, with axe-core in it.
"""

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from importlib import import_module
from pathlib import Path
from typing import Any

import numpy as np
import torch
from PIL import Image
from sklearn.datasets import load_digits

sys.path.insert(0, str(Path(__file__).parent.parent))

from tests.report.axe import SERIOUS, audit

NETWORKS = """
from torch import nn


class _Gate(nn.Module):
    def __init__(self, channels):
        super().__init__()
        self.pool = nn.AdaptiveAvgPool2d(1)
        self.fc1 = nn.Conv2d(channels, channels // 4, 1)
        self.fc2 = nn.Conv2d(channels // 4, channels, 1)

    def forward(self, x):
        return x * self.fc2(self.fc1(self.pool(x)).relu()).sigmoid()


class _Inverted(nn.Module):
    def __init__(self, before, after, stride):
        super().__init__()
        wide = 3 * before
        self.body = nn.Sequential(
            nn.Conv2d(before, wide, 1, bias=False), nn.BatchNorm2d(wide), nn.Hardswish(),
            nn.Conv2d(wide, wide, 3, stride, 1, groups=wide, bias=False), nn.BatchNorm2d(wide),
            nn.Hardswish(), _Gate(wide),
            nn.Conv2d(wide, after, 1, bias=False), nn.BatchNorm2d(after))
        self.residual = stride == 1 and before == after

    def forward(self, x):
        return x + self.body(x) if self.residual else self.body(x)


def se_mobilenet(num_classes=10):
    plan = [(16, 24, 2), (24, 24, 1), (24, 40, 2), (40, 40, 1)]
    return nn.Sequential(
        nn.Conv2d(3, 16, 3, 1, 1, bias=False), nn.BatchNorm2d(16), nn.Hardswish(),
        *(_Inverted(*one) for one in plan),
        nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(40, num_classes))


def vgg(num_classes=10):
    layers, before = [], 3
    for width in (32, "M", 64, "M", 96, 96, "M"):
        if width == "M":
            layers.append(nn.MaxPool2d(2))
        else:
            layers += [nn.Conv2d(before, width, 3, 1, 1), nn.BatchNorm2d(width), nn.ReLU()]
            before = width
    return nn.Sequential(*layers, nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(96, num_classes))


def of_timm(num_classes=10):
    import timm

    return timm.create_model("mobilenetv3_small_050", num_classes=num_classes)
"""
NAMES = ("se_mobilenet", "vgg", "of_timm")
LAYOUTS = {"flat": ("",), "train_val": ("train", "val"), "all": ("train", "val", "test")}
_SHARES = {"train": 0.7, "val": 0.15, "test": 0.15}
#: Points lost without a warning that count as a ruined result.
_RUINED = 20.0


def write_images(root: Path, parts: tuple[str, ...]) -> None:
    """scikit-learn's digits as 32x32 PNG files of ten classes."""
    pixels, labels = load_digits(return_X_y=True)
    order = np.random.default_rng(0).permutation(len(labels))
    shares = np.cumsum([_SHARES.get(part, 1.0) for part in parts])
    for place, index in enumerate(order):
        share = place / len(order) * shares[-1]
        part = parts[int(np.searchsorted(shares, share, side="right"))]
        folder = root / part / f"digit_{labels[index]}"
        folder.mkdir(parents=True, exist_ok=True)
        grey = (pixels[index].reshape(8, 8) * 15.9).astype(np.uint8)
        image = Image.fromarray(grey).resize((32, 32), Image.Resampling.BILINEAR).convert("RGB")
        image.save(folder / f"{index:04d}.png")


def train(name: str, root: Path, path: Path, epochs: int) -> float:
    """Train a network as its owner would have, with torch alone; gives its accuracy on val/."""
    # timm imports torchvision, which does not open beside every torch without edgeprune.
    import_module("edgeprune")
    import own_nets  # written beside

    torch.manual_seed(0)
    model = getattr(own_nets, name)()
    images, labels = _load(root / "train")
    optimiser = torch.optim.SGD(model.parameters(), lr=0.1, momentum=0.9)
    steps = epochs * (len(labels) // 64)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimiser, 0.1, steps)
    for _ in range(epochs):
        for rows in torch.randperm(len(labels))[: len(labels) // 64 * 64].split(64):
            loss = torch.nn.functional.cross_entropy(model(images[rows]), labels[rows])
            optimiser.zero_grad()
            loss.backward()
            optimiser.step()
            schedule.step()
    model.eval()
    images, labels = _load(root / "val")
    torch.save(model.state_dict(), path)
    with torch.inference_mode():
        return float((model(images).argmax(1) == labels).float().mean())


def _load(folder: Path) -> tuple[torch.Tensor, torch.Tensor]:
    paths = sorted(folder.glob("*/*.png"))
    pixels = np.stack([np.asarray(Image.open(path)) for path in paths])
    names = sorted({path.parent.name for path in paths})
    images = torch.from_numpy(pixels).permute(0, 3, 1, 2).float() / 127.5 - 1  # from -1 to 1
    return images, torch.tensor([names.index(path.parent.name) for path in paths])


def first_hour(folder: Path, name: str, layout: str, quick: bool) -> dict[str, Any]:
    """Type the commands of the quick start; what came of them."""
    write_images(folder / "images", LAYOUTS[layout])
    given = ["--model", f"own_nets:{name}", "--data", "images", "--budget", "0.6x"]
    given += ["--target", "local", "--output", "mine.yaml"]
    if layout == "flat":
        given += ["--weights", "none"]
    else:
        train(name, folder / "images", folder / "mine.pt", 2 if quick else 12)
        given += ["--weights", "mine.pt"]
    settings = {"search.trials": 4 if quick else 20, "finetune.epochs": 1 if quick else 6}
    more = [word for key, value in settings.items() for word in ("--set", f"{key}={value}")]
    commands = (
        ["init", *given],
        ["check", "mine.yaml", *more],
        ["run", "mine.yaml", "--run-dir", "run", "--json", *more],
    )
    start, done = time.perf_counter(), None
    for words in commands:
        done = subprocess.run(
            [sys.executable, "-m", "edgeprune", *words],
            capture_output=True,
            text=True,
            cwd=folder,
            env={**os.environ, "EDGEPRUNE_HISTORY": str(folder / "history.db")},
            check=False,
        )
        if done.returncode:
            said = (done.stderr + done.stdout).strip().splitlines()[-1:]
            return {"network": name, "layout": layout, "failed": words[0], "said": said}
    assert done is not None
    found = json.loads(done.stdout)["contenders"]
    lost = 100 * (found["base"]["accuracy"] - found["result"]["accuracy"])
    page = (folder / "run" / "report.html").read_text("utf-8")
    return {
        "network": name,
        "layout": layout,
        "commands": len(commands),
        "minutes": (time.perf_counter() - start) / 60,
        "base": 100 * found["base"]["accuracy"],
        "lost": lost,
        "ratio": found["result"]["latency_ratio"],
        "ruined": lost > _RUINED and "Much accuracy is lost" not in page,
        "report_bytes": len(page.encode()),
        "axe": sorted({fault for fault in _faults(page)}),
    }


def _faults(page: str) -> Iterator[str]:
    """Rules of axe that a report breaks seriously, or that it is wider than its window."""
    for width, dark in ((1280, False), (1280, True), (390, False), (390, True)):
        with tempfile.TemporaryDirectory() as place:
            found = audit(page, Path(place), width=width, dark=dark)
        yield from (one["rule"] for one in found["violations"] if one["impact"] in SERIOUS)
        if found["wide"] > 0:
            yield "wider than the window"


def start_up(rounds: int = 3) -> dict[str, float]:
    """How long commands take to start, over what Python and torch take; median of some rounds."""
    with tempfile.TemporaryDirectory() as place:
        typo = Path(place) / "typo.yaml"
        typo.write_text("workload:\n  modle: {name: resnet20}\n")
        programs = {
            "python": ["-c", "pass"],
            "torch": ["-c", "import torch"],
            "help": ["-m", "edgeprune", "--help"],
            "check_typo": ["-m", "edgeprune", "check", str(typo)],
            "target_list": ["-m", "edgeprune", "target", "list"],
        }
        taken: dict[str, list[float]] = {name: [] for name in programs}
        for _ in range(rounds):
            for name, words in programs.items():
                start = time.perf_counter()
                subprocess.run([sys.executable, *words], capture_output=True, check=False)
                taken[name].append(time.perf_counter() - start)
    seconds = {name: statistics.median(each) for name, each in taken.items()}
    return {
        **{f"{name}_seconds": value for name, value in seconds.items()},
        "help_over_python": seconds["help"] / seconds["python"],
        "check_typo_over_import_torch": seconds["check_typo"] / seconds["torch"],
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--network", action="append", default=[], choices=NAMES)
    parser.add_argument("--layout", action="append", default=[], choices=list(LAYOUTS))
    parser.add_argument("--quick", action="store_true")
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    pairs = [
        (name, layout) for name in options.network or NAMES for layout in options.layout or LAYOUTS
    ]
    if options.quick:
        pairs = pairs[:1]
    rows = []
    for name, layout in pairs:
        with tempfile.TemporaryDirectory() as place:
            folder = Path(place)
            (folder / "own_nets.py").write_text(NETWORKS)
            sys.path.insert(0, place)
            rows.append(first_hour(folder, name, layout, options.quick))
            sys.path.remove(place)
            sys.modules.pop("own_nets", None)
        print(json.dumps(rows[-1]), file=sys.stderr, flush=True)
    good = [row for row in rows if "failed" not in row]
    figures = {
        "own_networks_without_edits": len(good),
        "own_networks_tried": len(rows),
        "ruined_results": sum(row["ruined"] for row in good),
        "most_points_lost": max((row["lost"] for row in good), default=0.0),
        "minutes": sum(row["minutes"] for row in good),
        "report_bytes": max((row["report_bytes"] for row in good), default=0),
        "axe_serious_faults": sum(len(row["axe"]) for row in good),
        **start_up(),
    }
    print(json.dumps({"benchmark": "first_hour", "figures": figures, "rows": rows}, indent=2))


if __name__ == "__main__":
    main()
