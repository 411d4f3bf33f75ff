"""From a finished run to a folder with everything that a device needs to run its model."""

import shutil
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from edgeprune import __version__
from edgeprune.config import load_target
from edgeprune.deploy.bundle import open_bundle
from edgeprune.deploy.checking import check_products
from edgeprune.deploy.compiling import compile_runners
from edgeprune.deploy.elf import require_elftools
from edgeprune.deploy.installing import write_installer
from edgeprune.deploy.manifest import BuildManifest, BuiltFor, ProductFile
from edgeprune.deploy.products import MAKERS, Products, Skipped
from edgeprune.deploy.replacing import replaced
from edgeprune.deploy.toolchains import check_toolchain, runner_sources, toolchain_of
from edgeprune.deploy.trying import Example, try_runner
from edgeprune.devices.artifacts import Note, quiet
from edgeprune.errors import ConfigError, TargetError, nearest
from edgeprune.files import write_json

MANIFEST = "manifest.json"


def build(
    run_dir: str | Path,
    target: str,
    *,
    output: str | Path = "dist",
    runners: Sequence[str] = (),
    note: Note = quiet,
) -> BuildManifest:
    """Build everything that a device needs to run a finished run's model.

    Args:
        run_dir: the run directory.
        target: a profile, by name or path.
        output: the products go into a folder of it that is named after the target; an older one
            is replaced when the new one is whole.
        runners: ``compiled`` or ``onnxruntime``; none: those that can be built.
        note: told what takes long.

    Returns:
        The manifest: every file with its checksum and, for programs and libraries, the machine,
        the glibc and the processor features that it needs; how each runner did beside this
        machine; what was ``skipped``, with the reason.

    Raises:
        ConfigError: there is no such target or runner.
        RunError: the run has not finished, or a file of it was changed.
        WorkloadError: the model has an operator that TVM lacks.
        TargetError: the extra `boards` or a toolchain is missing, or a product does not fit the
            device.
        VerificationError: a runner computes something else than this machine.
    """
    for one in runners:
        if one not in MAKERS:
            msg = f"unknown runner {one!r}; allowed: {', '.join(MAKERS)}{nearest(one, MAKERS)}"
            raise ConfigError(msg)
    profile = load_target(target)
    # Before compilers and kernels, which take minutes: the products are held against the profile.
    require_elftools()
    toolchain = toolchain_of(profile)
    bundle = open_bundle(Path(run_dir))
    check_toolchain(toolchain)
    with (
        replaced(Path(output) / profile.name, MANIFEST) as folder,
        tempfile.TemporaryDirectory(prefix="edgeprune-") as scratch,
    ):
        bundle.copy(folder)
        Example.of(bundle.folder / "model.onnx", bundle.interface).write(folder)
        made = Products(bundle, profile, toolchain, folder, Path(scratch), note)
        programs, skipped = _build_runners(made, runners)
        facts = check_products(folder, profile, toolchain.architecture)
        write_installer(folder, profile, toolchain, facts, [path.name for path in programs])
        tried = {
            path.name: try_runner(path, folder, toolchain, profile.cpu, note) for path in programs
        }
        manifest = BuildManifest(
            edgeprune=__version__,
            target=BuiltFor(
                name=profile.name,
                architecture=toolchain.architecture,
                cpu=profile.cpu,
                glibc=profile.glibc,
            ),
            run=bundle.manifest.files,
            kernels=made.kernels_built,
            runners=tried,
            skipped=skipped,
            files={
                path.relative_to(folder).as_posix(): ProductFile.of(
                    path,
                    facts.get(path.relative_to(folder).as_posix()),
                    made.compiled_for.get(path.name),
                )
                for path in sorted(folder.rglob("*"))
                if path.is_file()
            },
        )
        write_json(folder / MANIFEST, manifest.to_json())
    return manifest


def _build_runners(made: Products, asked: Sequence[str]) -> tuple[list[Path], dict[str, str]]:
    """The programs, and why others were not built; what was asked for is never skipped."""
    found: dict[str, Any] = {}
    skipped: dict[str, str] = {}
    for kind in asked or MAKERS:
        try:
            found[kind] = MAKERS[kind](made)
        except Skipped as error:
            if asked:
                msg = f"the runner {kind!r} cannot be built for {made.target.name!r}: {error}"
                raise TargetError(msg) from error
            skipped[f"run-{kind}"] = str(error)
    if not found:
        msg = f"no runner can be built for {made.target.name!r}: {'; '.join(skipped.values())}"
        raise TargetError(msg)
    made.note("compiling the runners")
    programs = compile_runners(
        made.scratch,
        made.toolchain,
        made.folder / "bin",
        tvm="compiled" in found,
        onnx_runtime=found.get("onnxruntime"),
    )
    source = made.folder / "src"
    shutil.copytree(runner_sources(), source, ignore=shutil.ignore_patterns("install.sh"))
    shutil.copytree(made.scratch, source / "generated")
    return programs, skipped
