"""edgeprune: prune a trained CNN until it meets a latency budget measured on your device.

The names below are loaded on first use, so that ``import edgeprune`` stays quick.
"""

import os
from importlib import import_module
from typing import TYPE_CHECKING, Any

from edgeprune.torchvision_guard import guard

__version__ = "0.1.0"

# How long a thread of OpenMP's spins before it sleeps (about 50 microseconds); read when torch is
# loaded. GNU's own choice, and 20,000, make two threads 3 to 10 times as slow as soon as other
# programs want the cores: whoever spins keeps the thread that it waits for from running.
if "OMP_WAIT_POLICY" not in os.environ:
    os.environ.setdefault("GOMP_SPINCOUNT", "1000")

guard()

if TYPE_CHECKING:
    from edgeprune.export import load_bundle
    from edgeprune.pipeline import (
        Listener,
        Result,
        RunResult,
        evaluate,
        finish_point,
        measure,
        problem,
        prune,
        resume,
        run,
    )
    from edgeprune.pruning import ChannelSpace, Plan
    from edgeprune.search import SearchProblem, make_sampler
    from edgeprune.workloads import Dataset, TorchSplit

_HOME = {
    "ChannelSpace": "edgeprune.pruning",
    "Dataset": "edgeprune.workloads",
    "Listener": "edgeprune.pipeline",
    "Plan": "edgeprune.pruning",
    "Result": "edgeprune.pipeline",
    "RunResult": "edgeprune.pipeline",
    "SearchProblem": "edgeprune.search",
    "TorchSplit": "edgeprune.workloads",
    "evaluate": "edgeprune.pipeline",
    "finish_point": "edgeprune.pipeline",
    "load_bundle": "edgeprune.export",
    "make_sampler": "edgeprune.search",
    "measure": "edgeprune.pipeline",
    "problem": "edgeprune.pipeline",
    "prune": "edgeprune.pipeline",
    "resume": "edgeprune.pipeline",
    "run": "edgeprune.pipeline",
}

__all__ = [
    "ChannelSpace",
    "Dataset",
    "Listener",
    "Plan",
    "Result",
    "RunResult",
    "SearchProblem",
    "TorchSplit",
    "__version__",
    "evaluate",
    "finish_point",
    "load_bundle",
    "make_sampler",
    "measure",
    "problem",
    "prune",
    "resume",
    "run",
]


def __getattr__(name: str) -> Any:
    if name not in _HOME:
        msg = f"module 'edgeprune' has no attribute {name!r}"
        raise AttributeError(msg)
    return getattr(import_module(_HOME[name]), name)


def __dir__() -> list[str]:
    return sorted(__all__)
