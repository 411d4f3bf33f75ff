"""Latency: estimates that save trips to the device; what is reported is always measured."""

from edgeprune.latency.estimator import LatencyEstimator
from edgeprune.latency.kernels import Kernel, same_layers
from edgeprune.latency.known import profile_missing
from edgeprune.latency.net import PrunableNet
from edgeprune.latency.net_model import NetModel
from edgeprune.latency.profiling import (
    PROFILES,
    profile_kernels,
    profiles_wanted,
    random_widths,
)
from edgeprune.latency.staircase import Sweep, learn_staircase, probe_staircases
from edgeprune.latency.table import KernelTable

__all__ = [
    "PROFILES",
    "Kernel",
    "KernelTable",
    "LatencyEstimator",
    "NetModel",
    "PrunableNet",
    "Sweep",
    "learn_staircase",
    "probe_staircases",
    "profile_kernels",
    "profile_missing",
    "profiles_wanted",
    "random_widths",
    "same_layers",
]
