"""Debian base images made of the machine's own package sources, and a registry that serves them.

They stand in for ``debian:bookworm-slim``: the same packages without documentation and
translations. What another base holds beside stays unchecked.
"""

import subprocess
import sys
from pathlib import Path

NAMESPACE = [sys.executable, str(Path(__file__).with_name("namespace.py"))]
_RELEASE = "bookworm"
#: As in Docker's own slim images.
_LEFT_OUT = ("doc", "man", "info", "locale", "groff", "linda", "lintian")
_UNWANTED = "usrmerge perl libfile-find-rule-perl 'libperl5*' 'perl-modules*'"


def base_archive(architecture: str, folder: Path) -> Path:
    """The root file system of an architecture, as a tar file; made on the first call.

    ARM's takes minutes: its packages' scripts run under emulation.
    """
    path = folder / f"{_RELEASE}-{architecture}.tar"
    if path.is_file():
        return path
    partial = path.with_suffix(".partial.tar")
    options = [f"--dpkgopt=path-exclude=/usr/share/{name}/*" for name in _LEFT_OUT]
    command = [
        *(*NAMESPACE, "mmdebstrap", "--quiet", "--mode=root", "--variant=apt"),
        *("--skip=check/qemu", f"--architectures={architecture}", *options),
        # As in Docker's own: without the tool that once moved files into /usr, and its perl.
        '--customize-hook=chroot "$1" apt-get install -qq -y usr-is-merged',
        f'--customize-hook=chroot "$1" apt-get purge -qq -y --autoremove {_UNWANTED}',
        '--customize-hook=find "$1/var/lib/apt/lists" -type f -delete',
        *(_RELEASE, str(partial)),
    ]
    subprocess.run(command, check=True)
    return partial.rename(path)


def push_base(folder: Path, archives: dict[str, Path], registry: str, name: str) -> None:
    """Put the archives into a registry as one image of several architectures.

    Args:
        folder: for buildah's own files.
        archives: architecture -> tar file.
        registry: host and port.
        name: of the image, such as ``debian:bookworm-slim``.
    """
    storage = ["--root", folder / "root", "--runroot", folder / "run", "--storage-driver", "vfs"]

    def buildah(*words: str | Path) -> str:
        command = ["buildah", *map(str, storage), *map(str, words)]
        done = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True)
        return done.stdout.strip()

    buildah("manifest", "create", name)
    for architecture, archive in archives.items():
        container = buildah("from", "--arch", architecture, "scratch")
        buildah("add", "--quiet", container, archive, "/")
        buildah("config", "--arch", architecture, "--os", "linux", "--cmd", "/bin/bash", container)
        image = f"localhost/base-{architecture}"
        buildah("commit", "--quiet", "--rm", container, image)
        buildah("manifest", "add", name, image)
    where = f"docker://{registry}/library/{name}"
    buildah("manifest", "push", "--all", "--tls-verify=false", name, where)
