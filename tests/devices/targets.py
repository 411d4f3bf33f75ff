"""Profiles that the tests of this room use."""

from typing import Any

from edgeprune.config import MeasureConfig, SimulatedConfig, TargetConfig


def local(**measure: Any) -> TargetConfig:
    settings = {"warmup": 2, "runs": 30, "timeout_s": 60} | measure
    return TargetConfig(name="here", kind="local", measure=MeasureConfig(**settings))


def simulated(**model: Any) -> TargetConfig:
    costs = {"ns_per_mac": 0.05, "ns_per_element": 0.5, "ns_per_layer": 2000} | model
    return TargetConfig(name="made up", kind="simulated", simulated=SimulatedConfig(**costs))
