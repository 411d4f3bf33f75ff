"""What `edgeprune build` prints."""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from rich.table import Table

from edgeprune.cli.outcomes import print_json
from edgeprune.terminal import console, say, status

if TYPE_CHECKING:
    from edgeprune.deploy.manifest import BuildManifest


def build_products(
    run_dir: Path,
    target: str,
    output: Path,
    runners: Sequence[str],
    *,
    in_docker: bool,
    as_json: bool,
) -> None:
    """Build, here or in a container, and show the products.

    Raises:
        EdgepruneError: as `edgeprune.deploy.build`.
    """
    from edgeprune.deploy import build, build_in_docker

    make = build_in_docker if in_docker else build
    with status("reading the run") as tell:
        manifest = make(run_dir, target, output=output, runners=runners, note=tell)
    if as_json:
        print_json(manifest.to_json())
    else:
        _show(manifest, output / manifest.target.name)


def _show(manifest: "BuildManifest", folder: Path) -> None:
    table = Table()
    table.add_column("file", no_wrap=True)
    for heading in ("machine", "needs glibc", "size"):
        table.add_column(heading, justify="right")
    for name, one in manifest.files.items():
        if one.elf is not None and not name.startswith("src/"):
            needs = "none (static)" if one.elf.static else one.elf.glibc or "any"
            table.add_row(name, one.elf.machine, needs, f"{one.bytes / 1e3:.0f} kB")
    console().print(table)
    for name, tried in manifest.runners.items():
        if tried.not_run is not None:
            say(f"{name}: not tried here: {tried.not_run}")
        else:
            say(
                f"{name}: outputs differ from this machine's by {tried.max_abs_difference:.2g} at "
                f"most (allowed: {tried.tolerance:.2g})"
            )
    for name, reason in manifest.skipped.items():
        say(f"{name}: not built: {reason}")
    if manifest.kernels is not None and manifest.kernels.untuned:
        say(
            f"run-compiled: {len(manifest.kernels.untuned)} kernels are not tuned: it may be 50 to "
            "100 times slower than it could be"
        )
    say(f"copy {folder} to the device and run there: sh install.sh")
