"""What a profile inherits from the one it extends."""

from collections.abc import Mapping
from typing import Any


def inherit(inherited: Mapping[str, Any], own: Mapping[str, Any]) -> dict[str, Any]:
    """Own settings over inherited ones.

    Sections are merged key by key, everything else is replaced; null drops an inherited section
    or value.

    Args:
        inherited: of the profile that is extended.
        own: of the profile that extends it.
    """
    merged = dict(inherited)
    for key, value in own.items():
        known = inherited.get(key)
        if isinstance(known, Mapping) and isinstance(value, Mapping):
            merged[key] = inherit(known, value)
        else:
            merged[key] = value
    return merged
