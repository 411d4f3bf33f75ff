"""What cross-compiling saves: the same build by cross tools, and by ARM64's own under emulation.

    python benchmarks/cross_build.py [--quick] [--json]

ResNet-20, for a Raspberry Pi 4. Two parts, each in processes of their own, cross and emulated in
turns, medians of the wall time. ``runner``: g++ compiles and links the runner's generated and own
sources; Debian 12's g++ 12 on both sides, the same flags, the emulated one an ARM64 program under
qemu-user, as in a Docker build with binfmt. ``kernels``: TVM compiles the fused network to an
object file, its import included; TVM 0.27's wheels for x86-64 and for ARM64. The sizes of
both sides' products are compared: a figure of two different products would be none. Needs root
(namespaces) and
`make cross`; fetches 90 MB of Debian packages once.
"""

import argparse
import json
import os
import platform
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import torch
import tvm

from edgeprune.boards import RECIPE_TVM, apt, emulated
from edgeprune.boards.store import made_once
from edgeprune.config import ModelConfig, load_target
from edgeprune.deploy.compiling import tvm_headers
from edgeprune.deploy.generated import write_program
from edgeprune.deploy.program import compile_program, fused_network, kernels_of
from edgeprune.deploy.toolchains import TOOLCHAINS, check_toolchain, runner_sources
from edgeprune.devices.tvm import target_of
from edgeprune.pruning import ChannelSpace
from edgeprune.workloads import build_model

NAMESPACE = Path(__file__).parents[1] / "docker/engine/namespace.py"
TOOLCHAIN = TOOLCHAINS["aarch64"]
FLAGS = ("-O3", "-DNDEBUG", "-std=c++17", "-static", "-ffunction-sections", "-Wl,--gc-sections")
#: Reads a module that TVM wrote, compiles it, writes an object file.
KERNELS = """
import json, sys
import tvm
module, target, output = sys.argv[1:]
with open(module) as file:
    kernels = tvm.ir.load_json(file.read())
compiled = tvm.compile(kernels, target=tvm.target.Target(json.loads(target)))
getattr(compiled, "mod", compiled).write_to_file(output)
"""


def compiler_root() -> Path:
    """ARM64's own g++ with all that it needs, unpacked."""

    def write(folder: Path) -> None:
        with apt.foreign("arm64", folder) as packages:
            for file in packages.download(["g++", "libc6-dev"]):
                apt.unpack(file, folder)
        for name in ("bin", "sbin", "lib"):
            if not (folder / name).exists():
                (folder / name).symlink_to(f"usr/{name}")
        (folder / "tmp").mkdir(exist_ok=True)

    return made_once("compiler-arm64-1", write)


def timed(command: list[str], **environment: str) -> float:
    """Seconds of a command that has to succeed."""
    start = time.perf_counter()
    done = subprocess.run(
        command, env=os.environ | environment, capture_output=True, text=True, check=False
    )
    if done.returncode:
        print(done.stderr[-2000:], file=sys.stderr)
        raise SystemExit(1)
    return time.perf_counter() - start


def in_turns(sides: dict[str, Callable[[], float]], repeats: int, name: str) -> dict[str, float]:
    """Median seconds of each side, and how many times the cross build is faster."""
    found: dict[str, list[float]] = {side: [] for side in sides}
    for _ in range(repeats):
        for side, run in sides.items():
            found[side].append(run())
    middle = {side: statistics.median(values) for side, values in found.items()}
    return {
        f"{name}_cross_s": middle["cross"],
        f"{name}_emulated_s": middle["emulated"],
        f"{name}_ratio": middle["emulated"] / middle["cross"],
    }


def runner(folder: Path, repeats: int) -> dict[str, float]:
    """g++: from the sources to the linked program."""
    root = compiler_root()
    names = ("main.cc", "compiled.cc", "program.cc", "weights.S", "kernels.o")

    def command(compiler: str, prefix: Path, output: str) -> list[str]:
        words = [f"-I{prefix}", f"-I{prefix}/include", *(str(prefix / one) for one in names)]
        return [compiler, *FLAGS, f"-Wa,-I{prefix}", *words, "-o", str(prefix / output)]

    # The same folder, seen from inside of the root.
    inside = root / "tmp" / folder.name
    shutil.copytree(folder, inside)
    chroot = [sys.executable, str(NAMESPACE), "chroot", str(root)]
    emulated_command = command("/usr/bin/g++", Path("/tmp") / folder.name, "emulated")
    try:
        found = in_turns(
            {
                "cross": lambda: timed(command(TOOLCHAIN.compiler, folder, "cross")),
                "emulated": lambda: timed([*chroot, *emulated_command], QEMU_CPU="cortex-a72"),
            },
            repeats,
            "runner",
        )
        same = (folder / "cross").stat().st_size / (inside / "emulated").stat().st_size
    finally:
        shutil.rmtree(inside)
    return found | {"runner_size_ratio": same}


def kernels(folder: Path, module: str, target: dict[str, object], repeats: int) -> dict[str, float]:
    """TVM: from the fused network to an object file."""
    (folder / "module.json").write_text(module)
    program = str(emulated.make(RECIPE_TVM))

    def run(python: str, output: str) -> float:
        words = [str(folder / "module.json"), json.dumps(target), str(folder / output)]
        return timed([python, "-c", KERNELS, *words])

    found = in_turns(
        {
            "cross": lambda: run(sys.executable, "cross.o"),
            "emulated": lambda: run(program, "emulated.o"),
        },
        repeats,
        "kernels",
    )
    same = (folder / "cross.o").stat().st_size / (folder / "emulated.o").stat().st_size
    return found | {"kernels_size_ratio": same}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true", help="one repeat")
    parser.add_argument("--json", action="store_true", help="print one JSON object")
    options = parser.parse_args()
    if platform.machine() == "aarch64" or os.geteuid() != 0:
        reason = "ARM64 is emulated here: that needs another machine, and root"
        print(json.dumps({"benchmark": "cross_build", "figures": {}, "skipped": reason}))
        return
    check_toolchain(TOOLCHAIN)
    repeats = 1 if options.quick else 3
    own = target_of(load_target("raspberry-pi-4"))
    torch.manual_seed(0)
    model = build_model(ModelConfig(name="resnet20")).eval()
    content = ChannelSpace.from_model(model, torch.randn(1, 3, 32, 32)).template.base
    compiled = compile_program(content, own)
    module = tvm.ir.save_json(kernels_of(fused_network(content, own)[0]))
    with tempfile.TemporaryDirectory(prefix="edgeprune-") as temporary:
        folder = Path(temporary)
        write_program(compiled, folder)
        for source in runner_sources().iterdir():
            if source.is_file():
                shutil.copy(source, folder)
        shutil.copytree(tvm_headers(), folder / "include")
        figures = kernels(folder, module, own, repeats)
        figures |= runner(folder, repeats)
    cross = figures["runner_cross_s"] + figures["kernels_cross_s"]
    figures["build_ratio"] = (figures["runner_emulated_s"] + figures["kernels_emulated_s"]) / cross
    figures = {name: round(value, 4) for name, value in figures.items()}
    if options.json:
        print(json.dumps({"benchmark": "cross_build", "figures": figures}, indent=2))
    else:
        for name, value in figures.items():
            print(f"{name:28} {value}")


if __name__ == "__main__":
    main()
