"""Debian packages of another architecture, from the machine's own sources, without root rights."""

import tempfile
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path

from edgeprune.boards.programs import run
from edgeprune.errors import TargetError

# Read after the machine's own configuration, so sources, keys and proxies are the machine's. The
# hooks cleared act on the machine's own package lists, which are not touched here. As root, apt
# would fetch as a user who cannot write to a private folder: hence the sandbox. Lists that could
# not be fetched are an error at once, or the packages would be said not to exist.
_CONFIGURATION = """\
APT::Architecture "{architecture}";
#clear APT::Architectures;
APT::Architectures {{"{architecture}";}};
#clear APT::Update::Pre-Invoke;
#clear APT::Update::Post-Invoke;
#clear APT::Update::Post-Invoke-Success;
#clear DPkg::Post-Invoke;
APT::Sandbox::User "root";
APT::Update::Error-Mode "any";
Dir::State "{folder}/state";
Dir::State::Lists "{folder}/state/lists";
Dir::State::status "{folder}/state/status";
Dir::Cache "{folder}/cache";
Dir::Cache::Archives "{folder}/cache/archives";
"""


class Packages:
    """Apt for another architecture, as if nothing were installed.

    Args:
        folder: an empty folder for its lists and packages.
        architecture: Debian's name of it.

    Raises:
        TargetError: the lists cannot be fetched.
    """

    def __init__(self, folder: Path, architecture: str) -> None:
        for name in ("state/lists/partial", "cache/archives/partial", "single"):
            (folder / name).mkdir(parents=True)
        (folder / "state/status").touch()
        self._folder, self._architecture = folder, architecture
        self._configuration = folder / "apt.conf"
        self._configuration.write_text(
            _CONFIGURATION.format(folder=folder, architecture=architecture),
            encoding="utf-8",
        )
        self._apt("apt-get", "update", purpose=f"reading the package lists for {architecture}")

    def download(self, names: Iterable[str]) -> list[Path]:
        """The files of packages and of all that they need.

        Raises:
            TargetError: a package does not exist or cannot be fetched.
        """
        options = ("--yes", "--no-install-recommends", "--download-only", "install")
        purpose = f"fetching packages for {self._architecture}"
        self._apt("apt-get", *options, *names, purpose=purpose)
        return sorted((self._folder / "cache/archives").glob("*.deb"))

    def download_newest(self, name: str) -> Path:
        """The file of the package that a package such as ``linux-image-arm64`` stands for.

        Raises:
            TargetError: it does not exist or cannot be fetched.
        """
        purpose = f"finding the package {name}"
        found = [
            words[1]
            for line in self._apt("apt-cache", "depends", name, purpose=purpose).splitlines()
            if (words := line.split()) and words[0] == "Depends:"
        ]
        if not found:
            msg = f"{purpose}: it depends on nothing, so it stands for no other package"
            raise TargetError(msg)
        target = self._folder / "single"
        purpose = f"fetching the package {found[0]}"
        self._apt("apt-get", "download", found[0], purpose=purpose, folder=target)
        return next(target.glob("*.deb"))

    def _apt(self, program: str, *arguments: str, purpose: str, folder: Path | None = None) -> str:
        return run([program, "-qq", "-c", self._configuration, *arguments], purpose, folder=folder)


@contextmanager
def foreign(architecture: str, folder: Path) -> Iterator[Packages]:
    """Give apt for another architecture; what it fetched is removed at the end.

    Args:
        architecture: Debian's name of it.
        folder: where a temporary folder is made.

    Raises:
        TargetError: the lists cannot be fetched.
    """
    with tempfile.TemporaryDirectory(prefix=".apt-", dir=folder) as temporary:
        yield Packages(Path(temporary), architecture)


def unpack(file: Path, folder: Path) -> None:
    """Lay a package's files into a folder; none of its scripts runs.

    Raises:
        TargetError: the package is damaged or the disk full.
    """
    run(["dpkg-deb", "-x", file, folder], f"unpacking {file.name}")
