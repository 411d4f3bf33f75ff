"""`edgeprune build --in-docker`: the same build with the compilers of a builder image."""

import os
import platform
import shutil
import subprocess
import tempfile
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path

import yaml
from pydantic import ValidationError

from edgeprune.config import TargetConfig, load_target
from edgeprune.deploy.bundle import open_bundle
from edgeprune.deploy.manifest import BuildManifest
from edgeprune.deploy.onnx_runtime import LIBRARY, LIBRARY_VARIABLE, NoLibrary, runtime_library
from edgeprune.deploy.toolchains import TOOLCHAINS, Toolchain, toolchain_of
from edgeprune.devices.artifacts import Note, quiet
from edgeprune.errors import EdgepruneError, TargetError, VerificationError
from edgeprune.finished import finished

#: Machine -> what Docker calls it.
_DOCKER_NAMES = {one.architecture: one.debian for one in TOOLCHAINS.values()}
_IMAGE = "edgeprune/builder-{}"
_TIMEOUT_S = 3600.0


def build_in_docker(
    run_dir: str | Path,
    target: str,
    *,
    output: str | Path = "dist",
    runners: Sequence[str] = (),
    note: Note = quiet,
) -> BuildManifest:
    """`edgeprune.deploy.build` in a container without network that sees the run and the output.

    Args:
        run_dir: the run directory; mounted read-only.
        target: a profile, by name or path.
        output: where the products go.
        runners: as `edgeprune.deploy.build`.
        note: told what takes long.

    Returns:
        The manifest.

    Raises:
        UserError: as `edgeprune.deploy.build`; or there is no Docker, or no image that fits.
        VerificationError: a runner computes something else than this machine.
    """
    profile = load_target(target)
    toolchain = toolchain_of(profile)
    bundle = open_bundle(Path(run_dir))
    image = _IMAGE.format(toolchain.debian)
    docker = _docker()
    _check_image(docker, image, toolchain)
    place = Path(output).absolute()
    place.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix="edgeprune-") as folder:
        shared = Path(folder)
        _write_profile(profile, shared / "target.yaml")
        with suppress(NoLibrary):
            # Fetched here, for the container has no network.
            shutil.copyfile(runtime_library(toolchain, note), shared / LIBRARY)
        shared.chmod(0o755)
        note(f"building in {image}")
        words = ["build", "/run-to-build", "--target", "/shared/target.yaml", "--output", "/out"]
        words += [word for one in runners for word in ("--runner", one)]
        mounts = {bundle.folder.absolute(): "/run-to-build:ro", shared: "/shared:ro", place: "/out"}
        done = _run(docker, image, [*words, "--json"], mounts, library=(shared / LIBRARY).is_file())
    return _outcome(done, image)


def _docker() -> str:
    found = shutil.which("docker")
    if found is None:
        msg = "--in-docker needs Docker, which is not installed; without it: make cross"
        raise TargetError(msg)
    return found


def _check_image(docker: str, image: str, toolchain: Toolchain) -> None:
    inspect = [docker, "image", "inspect", "--format", "{{.Os}}/{{.Architecture}}", image]
    done = subprocess.run(inspect, capture_output=True, text=True, check=False)
    mend = f"docker buildx bake -f docker/docker-bake.json builder-{toolchain.debian} --load"
    if done.returncode != 0:
        said = (done.stderr.strip() or "nothing").splitlines()[-1]
        msg = f"the image {image} cannot be used ({said}); make it: {mend}"
        raise TargetError(msg)
    here = f"linux/{_DOCKER_NAMES.get(platform.machine(), platform.machine())}"
    if (found := done.stdout.strip()) != here:
        msg = (
            f"the image {image} is for {found}, and this machine is {here}: compilers would run "
            f"under emulation; make it anew: {mend}"
        )
        raise TargetError(msg)


def _write_profile(profile: TargetConfig, path: Path) -> None:
    """The profile with all that it inherits: the container does not see the files."""
    settings = profile.model_dump(mode="json", exclude_defaults=True, exclude={"extends"})
    path.write_text(yaml.safe_dump(settings, sort_keys=False, allow_unicode=True), encoding="utf-8")


def _run(
    docker: str, image: str, words: Sequence[str], mounts: dict[Path, str], *, library: bool
) -> subprocess.CompletedProcess[str]:
    command = [docker, "run", "--rm", "--network", "none", "--read-only", "--tmpfs", "/tmp:exec"]
    command += ["--cap-drop", "ALL", "--user", f"{os.getuid()}:{os.getgid()}"]
    command += ["--env", "HOME=/tmp", "--env", "EDGEPRUNE_CACHE=/tmp/cache"]
    if library:
        command += ["--env", f"{LIBRARY_VARIABLE}=/shared/{LIBRARY}"]
    for folder, where in mounts.items():
        command += ["--volume", f"{folder}:{where}"]
    try:
        return finished([*command, image, *words], _TIMEOUT_S)
    except subprocess.TimeoutExpired as error:
        msg = f"the build in {image} did not end within {_TIMEOUT_S:g} s and was stopped"
        raise TargetError(msg) from error


def _outcome(done: subprocess.CompletedProcess[str], image: str) -> BuildManifest:
    if done.returncode == 0:
        try:
            return BuildManifest.model_validate_json(done.stdout)
        except ValidationError as error:
            msg = f"{image} does not tell what it built, it is of another edgeprune: make it anew"
            raise TargetError(msg) from error
    said = done.stderr.strip() or done.stdout.strip() or f"exit code {done.returncode}"
    kinds: dict[int, type[EdgepruneError]] = {1: VerificationError, 2: TargetError}
    msg = f"in {image}: {said}"
    raise kinds.get(done.returncode, TargetError)(msg)
