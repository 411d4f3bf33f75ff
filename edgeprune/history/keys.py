"""What makes two measurements comparable: the same device, runtime and settings."""

import hashlib
import json
from collections.abc import Mapping
from typing import Any

#: What a device says of itself that its latencies depend on. Two boards of one make share a key;
#: one board in two power modes does not.
_IDENTITY = (
    *("cpu", "board", "machine", "cores", "power_mode", "clock", "clock_kind"),
    *("runtime", "version", "providers", "threads", "precision"),
    # Of the simulated device.
    *("ns_per_mac", "ns_per_element", "ns_per_layer", "staircase", "noise", "seed"),
)


def target_facts(conditions: Mapping[str, Any], batch: int = 1) -> dict[str, Any]:
    """The part of a device's conditions that identifies it, and the batch size.

    Args:
        conditions: see `edgeprune.devices.Device.conditions`.
        batch: images per inference.
    """
    found = {name: conditions[name] for name in _IDENTITY if conditions.get(name) is not None}
    return {**found, "batch": batch}


def target_key(facts: Mapping[str, Any]) -> str:
    """The key of a target: 32 hexadecimal digits.

    Args:
        facts: see `target_facts`; JSON-able.
    """
    return digest(facts)


def digest(value: Any) -> str:
    """A hash of any JSON-able value that does not depend on the order of keys."""
    text = json.dumps(value, sort_keys=True, allow_nan=False, separators=(",", ":"))
    return hashlib.sha256(text.encode()).hexdigest()[:32]
