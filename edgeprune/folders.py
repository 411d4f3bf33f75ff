"""The user's folders: what can be made again (cache), and what was measured (data)."""

import os
from pathlib import Path

from platformdirs import PlatformDirs

#: Moves the cache.
CACHE_VARIABLE = "EDGEPRUNE_CACHE"
_USUAL = PlatformDirs("edgeprune", appauthor=False)


def user_cache() -> Path:
    """``$EDGEPRUNE_CACHE``, else the system's folder for caches: ``~/.cache/edgeprune`` on Linux.

    Absolute; it may not be there yet.
    """
    chosen = os.environ.get(CACHE_VARIABLE)
    return Path(chosen).expanduser().absolute() if chosen else _USUAL.user_cache_path


def user_data() -> Path:
    """The system's folder for data, ``~/.local/share/edgeprune`` on Linux; may not be there yet."""
    return _USUAL.user_data_path
