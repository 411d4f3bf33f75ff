"""Builds images of docker-bake.json for real, and runs what they are for.

    make docker-check        (or: PYTHONPATH=. python docker/check.py [--json] [TARGET...])

Without a public registry: an engine of its own, rootless, whose base images are made of Debian's
packages. Needs Debian 12 as root, Linux 6.7 or later, docker.io, docker-registry, buildah,
mmdebstrap and qemu-user-static, 20 GB, and minutes. Wheels are fetched by this machine's pip and
given to the builds, which use no index.

Unchecked: what the vendors' own bases add (device-jetson's L4T above all), and Docker's buildx.
"""

import argparse
import json
import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

from engine.bake import Target, read_bake
from engine.bases import base_archive, push_base
from engine.daemon import Engine, engine, registry

from edgeprune.boards.recipe import guest_file
from edgeprune.deploy import build_in_docker
from edgeprune.folders import user_cache
from tests.deploy.bundles import write_bundle

ROOT = Path(__file__).resolve().parent.parent
#: What `make docker-check` builds: the rest differ by arguments, or need a vendor's base.
TARGETS = ("device-arm64", "builder-arm64")
#: As docker/scripts/site.sh asks for.
PLATFORMS = ("2014", "_2_17", "_2_24", "_2_27", "_2_28", "_2_31", "_2_34")
DEVICE_PROGRAM = """
import json, os, platform
import numpy, onnxruntime, tvm
from tvm.runtime.vm import VirtualMachine
print(json.dumps({"machine": platform.machine(), "uid": os.getuid(), "tvm": tvm.__version__,
                  "onnxruntime": onnxruntime.__version__, "numpy": numpy.__version__}))
"""


def fetch_wheels(folder: Path) -> None:
    """The wheels that the images are made of, into a folder that is kept."""
    folder.mkdir(parents=True, exist_ok=True)
    pip = [sys.executable, "-m", "pip", "download", "--quiet", "--dest", str(folder)]
    constraints = ["--constraint", str(ROOT / "constraints.txt")]
    subprocess.run([*pip, *constraints, "torch"], check=True)
    own = f"{ROOT}[tvm,boards]"
    subprocess.run([*pip, "--find-links", str(folder), *constraints, own, "hatchling"], check=True)
    requirements = ROOT / "docker/device-requirements.txt"
    platforms = [word for one in PLATFORMS for word in ("--platform", f"manylinux{one}_aarch64")]
    only = ["--no-deps", "--only-binary=:all:", "--python-version", "3.11", *platforms]
    subprocess.run([*pip, *only, "--requirement", str(requirements)], check=True)


def context(folder: Path, wheels: Path) -> Path:
    """What is sent to the engine: the files that git knows, and the wheels."""
    listed = subprocess.run(
        ["git", "ls-files", "-z"], cwd=ROOT, check=True, stdout=subprocess.PIPE
    ).stdout.decode()
    for name in filter(None, listed.split("\0")):
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy2(ROOT / name, folder / name)
    for wheel in wheels.glob("*.whl"):
        os.link(wheel, folder / "docker/wheels" / wheel.name)
    return folder


def build_images(running: Engine, targets: list[Target], folder: Path) -> dict[str, float]:
    """Build each target cold, then again; seconds and megabytes."""
    figures: dict[str, float] = {}
    for target in targets:
        name = target.name.replace("-", "_")
        figures[f"{name}_cold_s"] = running.build(target, folder, cached=False)
        figures[f"{name}_cached_s"] = running.build(target, folder, cached=True)
        size = running.docker("image", "inspect", "--format", "{{.Size}}", target.tag)
        figures[f"{name}_mb"] = int(size) / 1e6
        print(target.name, {key: round(value, 1) for key, value in figures.items()}, flush=True)
    return figures


def try_device(running: Engine, folder: Path) -> dict[str, object]:
    """The board's image answers as ARM64, as nobody special, with all of its runtimes."""
    cpuinfo = folder / "cpuinfo"  # the emulator hands on this machine's, which is no ARM's
    cpuinfo.write_bytes(guest_file("cpuinfo"))
    said = running.docker(
        *("run", "--rm", "--network", "none", "--platform", "linux/arm64"),
        *("--volume", f"{cpuinfo}:/proc/cpuinfo:ro", "--env", "QEMU_CPU=cortex-a72"),
        *("edgeprune/device-arm64", "-c", DEVICE_PROGRAM),
    )
    found: dict[str, object] = json.loads(said)
    if found["machine"] != "aarch64" or found["uid"] == 0:
        msg = f"the image device-arm64 is not as it should be: {found}"
        raise SystemExit(msg)
    return found


def try_builder(running: Engine, folder: Path) -> dict[str, object]:
    """The builder's image builds what is then run under emulation, in it."""
    # The client on the PATH that speaks to this engine.
    (folder / "bin").mkdir()
    (folder / "bin/docker").symlink_to(running.program)
    os.environ |= {
        "DOCKER_HOST": running.socket,
        "PATH": f"{folder / 'bin'}:{os.environ['PATH']}",
    }
    run = write_bundle(folder / "run")
    return build_in_docker(run, "raspberry-pi-4", output=folder / "dist")["runners"]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("targets", nargs="*", default=list(TARGETS), metavar="TARGET")
    parser.add_argument("--json", action="store_true")
    given = parser.parse_args()
    bake = read_bake(ROOT / "docker/docker-bake.json")
    if unknown := sorted(set(given.targets) - bake.keys()):
        parser.error(f"unknown target {unknown[0]}; allowed: {', '.join(bake)}")
    kept = user_cache() / "docker-check"
    kept.mkdir(parents=True, exist_ok=True)
    targets = [bake[name] for name in given.targets]
    # The machine that builds, and those that are built for.
    architectures = {"amd64", *(one.platform.rpartition("/")[2] for one in targets)}
    archives = {name: base_archive(name, kept) for name in sorted(architectures)}
    fetch_wheels(kept / "wheels")
    tried: dict[str, object] = {}
    with tempfile.TemporaryDirectory(prefix="edc-", ignore_cleanup_errors=True) as temporary:
        folder = Path(temporary)
        folder.chmod(0o755)
        (folder / "context").mkdir()
        sent = context(folder / "context", kept / "wheels")
        with registry(folder) as mirror:
            push_base(folder / "buildah", archives, mirror, "debian:bookworm-slim")
            with engine(folder, mirror) as running:
                figures = build_images(running, targets, sent)
        with engine(folder, mirror, offline=True) as running:
            if "device-arm64" in given.targets:
                tried["device_arm64"] = try_device(running, folder)
            if "builder-arm64" in given.targets:
                tried["builder_arm64"] = try_builder(running, folder)
        # Told before the cleaning up, which takes minutes.
        found = {"figures": figures, "tried": tried}
        print(json.dumps(found, indent=None if given.json else 2), flush=True)


if __name__ == "__main__":
    main()
