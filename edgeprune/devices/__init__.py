"""Latency on a target: bytes of a model go in, measurements come out. No torch here."""

from edgeprune.devices.device import Device, open_device
from edgeprune.devices.measurement import Comparison, LayerTime, Measurement
from edgeprune.devices.patient import PatientDevice, open_patiently
from edgeprune.devices.pool import DevicePool, open_pool
from edgeprune.devices.repeating import compare_on, compare_well
from edgeprune.devices.surprise import unsurprised

__all__ = [
    "Comparison",
    "Device",
    "DevicePool",
    "LayerTime",
    "Measurement",
    "PatientDevice",
    "compare_on",
    "compare_well",
    "open_device",
    "open_patiently",
    "open_pool",
    "unsurprised",
]
