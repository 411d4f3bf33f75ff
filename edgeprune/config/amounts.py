"""Amounts in a budget: ``500kB``, ``300M``, ``20mJ``, or a share of the base model's, ``0.5x``."""

import math
import re
from dataclasses import dataclass
from typing import Any, Literal

from edgeprune.errors import nearest

Quantity = Literal["size", "peak_memory", "macs", "energy"]

_BYTES = {
    "B": 1.0, "kB": 1e3, "MB": 1e6, "GB": 1e9, "KiB": 2.0**10, "MiB": 2.0**20, "GiB": 2.0**30,
}  # fmt: skip
#: Units of each quantity, the plain one first.
UNITS: dict[str, dict[str, float]] = {
    "size": _BYTES,
    "peak_memory": _BYTES,
    "macs": {"": 1.0, "k": 1e3, "M": 1e6, "G": 1e9},
    "energy": {"J": 1.0, "mJ": 1e-3, "uJ": 1e-6},
}
#: What they are called in texts.
NAMES: dict[str, str] = {
    "size": "size",
    "peak_memory": "peak memory",
    "macs": "MACs",
    "energy": "energy",
}
#: What each of them takes, in words.
TAKES: dict[str, str] = {
    "size": "bytes with a unit, such as 500kB, or a share of the base model's, such as 0.5x",
    "peak_memory": "bytes with a unit, such as 200kB, or a share of the base model's, such as 0.5x",
    "macs": "a number such as 300M, or a share of the base model's, such as 0.5x",
    "energy": "joules with a unit, such as 20mJ, or a share of the base model's, such as 0.5x",
}
_WRITTEN = re.compile(r"\s*((?:\d+\.?\d*|\.\d+)(?:[eE][-+]?\d+)?)\s*([A-Za-z]*)\s*")
_SHARE = "x"


@dataclass(frozen=True)
class Amount:
    """An amount, or a share of the base model's.

    Attributes:
        value: in the plain unit; or the share.
        text: as it was written.
        relative: whether it is a share.
    """

    value: float
    text: str
    relative: bool = False

    def of(self, base: float) -> float:
        """The amount, where the base model's is `base`."""
        return self.value * base if self.relative else self.value


def read_amount(name: Quantity, value: Any) -> Amount:
    """Read what a file or a caller says.

    Args:
        name: of the quantity.
        value: text with a unit; for MACs a plain number as well.

    Raises:
        ValueError: it is no such amount.
    """
    units = UNITS[name]
    is_number = isinstance(value, int | float) and not isinstance(value, bool)
    written = repr(value) if is_number and "" in units else value
    match = _WRITTEN.fullmatch(written) if isinstance(written, str) else None
    if match is None:
        hint = f" (did you mean {value:g}x?)" if is_number and 0 < value < 1 else ""
        msg = f"must be {TAKES[name]}{hint}"
        raise ValueError(msg)
    number, unit = float(match[1]), match[2]
    text = f"{match[1]}{unit}"
    if unit.lower() == _SHARE:
        if not 0 < number < 1:
            msg = f"must be {TAKES[name]}; a share is above 0x and below 1x"
            raise ValueError(msg)
        return Amount(number, text.lower(), relative=True)
    if unit not in units:
        raise ValueError(_unknown(name, unit))
    if not 0 < number * units[unit] < math.inf:
        msg = f"must be {TAKES[name]}; above 0"
        raise ValueError(msg)
    return Amount(number * units[unit], text)


def shown_amount(name: str, value: float) -> str:
    """An amount for people: ``512 kB``, ``41.2 M``, ``3.1 mJ``."""
    units = [(unit, size) for unit, size in UNITS[name].items() if not unit.endswith("iB")]
    fitting = [pair for pair in units if value >= pair[1]] or [min(units, key=lambda one: one[1])]
    unit, size = max(fitting, key=lambda pair: pair[1])
    return f"{value / size:.4g} {unit}".rstrip()


def _unknown(name: Quantity, unit: str) -> str:
    units = [one for one in UNITS[name] if one]
    same = [one for one in units if one.lower() == unit.lower()]
    hint = f"; did you mean {same[0]!r}?" if same else nearest(unit, [*units, _SHARE])
    given = f"unknown unit {unit!r}" if unit else "a unit is missing"
    return f"{given}; allowed: {', '.join([*units, _SHARE])}{hint}"
