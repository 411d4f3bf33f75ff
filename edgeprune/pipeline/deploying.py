"""The commands that bring a finished run's model onto its device, as a user types them."""

import shlex
from pathlib import Path

from edgeprune.config import load_pipeline, load_target
from edgeprune.config.target import TargetConfig
from edgeprune.errors import UserError
from edgeprune.pipeline.run_directory import RunDirectory

#: Targets with a processor that a program can be built for.
_BUILDABLE = ("local", "ssh", "command", "board")


def deploy_commands(directory: RunDirectory) -> tuple[str, ...]:
    """Build, copy and try, in their order; none for a target that is no device.

    Args:
        directory: of the run.
    """
    try:
        asked = load_pipeline(directory.pipeline).targets[0]
        profile = load_target(asked)
    except UserError:  # a profile that has gone since, or a pipeline of another version
        return ()
    if profile.kind not in _BUILDABLE:
        return ()
    folder = Path("dist") / profile.name
    build = shlex.join(["edgeprune", "build", str(directory.path), "--target", asked])
    if profile.kind == "local":
        return build, shlex.join(["sh", str(folder / "install.sh")])
    if profile.ssh is None:
        return (build,)
    return build, *_over_ssh(profile, folder)


def _over_ssh(profile: TargetConfig, folder: Path) -> tuple[str, str]:
    ssh = profile.ssh
    assert ssh is not None
    words = [] if ssh.config is None else ["-F", str(ssh.config)]
    words += [] if ssh.key is None else ["-i", str(ssh.key)]
    words += [] if ssh.jump is None else ["-J", str(ssh.jump)]
    known = [] if ssh.known_hosts is None else ["-o", f"UserKnownHostsFile={ssh.known_hosts}"]
    words += known
    place = ssh.address if ssh.user is None else f"{ssh.user}@{ssh.address}"
    ports = [[], []] if ssh.port is None else [["-P", str(ssh.port)], ["-p", str(ssh.port)]]
    copy = ["scp", "-r", *words, *ports[0], str(folder), f"{place}:"]
    there = shlex.join(["sh", f"{folder.name}/install.sh"])  # read by the device's shell as well
    install = ["ssh", *words, *ports[1], place, there]
    return shlex.join(copy), shlex.join(install)
