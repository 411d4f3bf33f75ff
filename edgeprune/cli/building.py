"""What `edgeprune build` prints."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table

from edgeprune.cli.outcomes import print_json


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
    with Console(stderr=True).status("reading the run") as status:
        manifest = make(run_dir, target, output=output, runners=runners, note=status.update)
    if as_json:
        print_json(manifest)
    else:
        _show(manifest, output / manifest["target"]["name"])


def _show(manifest: dict[str, Any], folder: Path) -> None:
    console = Console(highlight=False)
    table = Table()
    table.add_column("file", no_wrap=True)
    for heading in ("machine", "needs glibc", "size"):
        table.add_column(heading, justify="right")
    for name, one in manifest["files"].items():
        if "elf" in one and not name.startswith("src/"):
            facts = one["elf"]
            needs = "none (static)" if facts["static"] else facts["glibc"] or "any"
            table.add_row(name, facts["machine"], needs, f"{one['bytes'] / 1e3:.0f} kB")
    console.print(table)
    for name, found in manifest["runners"].items():
        if "not_run" in found:
            console.print(f"{name}: not tried here: {found['not_run']}")
        else:
            difference, allowed = found["max_abs_difference"], found["tolerance"]
            console.print(
                f"{name}: outputs differ from this machine's by {difference:.2g} at most "
                f"(allowed: {allowed:.2g})"
            )
    for name, reason in manifest["skipped"].items():
        console.print(f"{name}: not built: {reason}")
    untuned = manifest.get("kernels", {}).get("untuned")
    if untuned:
        console.print(
            f"run-compiled: {len(untuned)} kernels are not tuned: it may be 50 to 100 times slower "
            "than it could be"
        )
    console.print(f"copy {folder} to the device and run there: sh install.sh")
