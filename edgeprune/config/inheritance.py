"""What a profile inherits from the one it extends."""

from collections.abc import Mapping
from typing import Any

#: Keys of which a section has one.
_IN_PLACE_OF = {"host": "hosts", "hosts": "host"}


def inherit(inherited: Mapping[str, Any], own: Mapping[str, Any]) -> dict[str, Any]:
    """Own settings over inherited ones.

    Sections are merged key by key, everything else is replaced; null drops an inherited section
    or value, and a key drops the inherited one in whose place it stands.

    Args:
        inherited: of the profile that is extended.
        own: of the profile that extends it.
    """
    replaced = {_IN_PLACE_OF[key] for key in own if key in _IN_PLACE_OF}
    merged = {key: value for key, value in inherited.items() if key not in replaced}
    for key, value in own.items():
        known = inherited.get(key)
        if isinstance(known, Mapping) and isinstance(value, Mapping):
            merged[key] = inherit(known, value)
        else:
            merged[key] = value
    return merged
