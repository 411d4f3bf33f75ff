"""The user's folders: what can be made again (cache), and what was measured (data)."""

import os
from pathlib import Path

from platformdirs import PlatformDirs

from edgeprune.errors import NoHomeError

#: Moves the cache.
CACHE_VARIABLE = "EDGEPRUNE_CACHE"
_USUAL = PlatformDirs("edgeprune", appauthor=False)


def user_cache() -> Path:
    """``$EDGEPRUNE_CACHE``, else the system's folder for caches: ``~/.cache/edgeprune`` on Linux.

    Absolute; it may not be there yet.

    Raises:
        NoHomeError: there is no such place.
    """
    chosen = os.environ.get(CACHE_VARIABLE)
    return Path(chosen).expanduser().absolute() if chosen else _usual("cache", CACHE_VARIABLE)


def user_data() -> Path:
    """The system's folder for data, ``~/.local/share/edgeprune`` on Linux; may not be there yet.

    Raises:
        NoHomeError: there is no such place.
    """
    return _usual("data", "XDG_DATA_HOME")


def _usual(kind: str, variable: str) -> Path:
    try:
        found = Path(getattr(_USUAL, f"user_{kind}_dir"))
    except RuntimeError:
        found = Path()
    # Older platformdirs give ``~/...`` as it stands, which would make a folder of that name here.
    if not found.is_absolute():
        msg = f"there is no home folder for edgeprune's {kind}: set HOME or {variable}"
        raise NoHomeError(msg)
    return found
