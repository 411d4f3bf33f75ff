"""Which file systems a network is behind: SQLite's write-ahead log does not hold there."""

from pathlib import Path

#: As Linux names them. Two machines share no memory, which the log's index is kept in.
_NETWORK = frozenset(
    (
        *("nfs", "nfs4", "cifs", "smb3", "smbfs", "ncpfs", "afs", "9p", "davfs"),
        *("ceph", "glusterfs", "lustre", "gpfs", "beegfs", "ocfs2", "gfs2", "vboxsf", "virtiofs"),
        *("fuse.sshfs", "fuse.glusterfs", "fuse.s3fs", "fuse.rclone", "fuse.davfs2"),
        *("fuse.gcsfuse", "fuse.ceph", "fuse.grpcfuse", "fuse.osxfs"),
    )
)
_MOUNTS = Path("/proc/self/mountinfo")


def network_file_system(path: Path, mounts: Path = _MOUNTS) -> str | None:
    """The kind of network file system that a file is on.

    Args:
        path: the file; it need not be there.
        mounts: the system's list of mounts; other systems than Linux have none.

    Returns:
        Its name; None where the file is on a disk of this machine, or nothing tells.
    """
    try:
        lines = mounts.read_text(errors="replace").splitlines()
    except OSError:
        return None
    place = path.resolve()
    best, kind = -1, ""
    for line in lines:
        fields, _, rest = line.partition(" - ")
        parts = fields.split(" ")
        if len(parts) < 5 or not rest:
            continue
        point = Path(_unescaped(parts[4]))
        # Of two mounts at one point the later one covers the earlier.
        if place.is_relative_to(point) and len(point.parts) >= best:
            best, kind = len(point.parts), rest.split(" ")[0]
    return kind if kind in _NETWORK else None


def _unescaped(point: str) -> str:
    """Blanks and backslashes stand there as octal numbers."""
    for code, character in (("040", " "), ("011", "\t"), ("012", "\n"), ("134", "\\")):
        point = point.replace(f"\\{code}", character)
    return point
