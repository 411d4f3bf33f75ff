"""Latency: estimates that save trips to the device; what is reported is always measured."""

from edgeprune.latency.estimator import LatencyEstimator

__all__ = ["LatencyEstimator"]
