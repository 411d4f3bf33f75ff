"""edgeprune: prune a trained CNN until it meets a latency budget measured on your device.

The names below are loaded on first use, so that ``import edgeprune`` stays quick.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

__version__ = "0.1.0"

if TYPE_CHECKING:
    from edgeprune.export import load_bundle
    from edgeprune.pipeline import RunResult, resume, run
    from edgeprune.pruning import ChannelSpace, Plan

_HOME = {
    "ChannelSpace": "edgeprune.pruning",
    "Plan": "edgeprune.pruning",
    "RunResult": "edgeprune.pipeline",
    "load_bundle": "edgeprune.export",
    "resume": "edgeprune.pipeline",
    "run": "edgeprune.pipeline",
}

__all__ = ["ChannelSpace", "Plan", "RunResult", "__version__", "load_bundle", "resume", "run"]


def __getattr__(name: str) -> Any:
    if name not in _HOME:
        msg = f"module 'edgeprune' has no attribute {name!r}"
        raise AttributeError(msg)
    return getattr(import_module(_HOME[name]), name)


def __dir__() -> list[str]:
    return sorted(__all__)
