"""The user's folders: what can be made again (cache), and what was measured (data)."""

import os
from pathlib import Path

#: Moves the cache.
CACHE_VARIABLE = "EDGEPRUNE_CACHE"


def user_cache() -> Path:
    """``$EDGEPRUNE_CACHE``, else ``$XDG_CACHE_HOME/edgeprune``, else ``~/.cache/edgeprune``.

    Absolute; it may not be there yet.
    """
    chosen = os.environ.get(CACHE_VARIABLE)
    return Path(chosen).expanduser().absolute() if chosen else _xdg("XDG_CACHE_HOME", ".cache")


def user_data() -> Path:
    """``$XDG_DATA_HOME/edgeprune``, else ``~/.local/share/edgeprune``; it may not be there yet."""
    return _xdg("XDG_DATA_HOME", ".local/share")


def _xdg(variable: str, usual: str) -> Path:
    chosen = os.environ.get(variable, "")
    # The specification: a relative path is to be ignored.
    root = Path(chosen) if Path(chosen).is_absolute() else Path.home() / usual
    return root / "edgeprune"
