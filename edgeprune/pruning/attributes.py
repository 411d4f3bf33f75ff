"""Numbers that a module's code keeps beside its weights, such as where it takes channels apart.

`torch.split(x, self.width, 1)` spells a size that is cut, but by a name: a pruned model runs once
the attribute has the new number. Which attribute it was is told by its value; a trial cut shows
whether that was right.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TypeAlias

import numpy as np
from torch import nn

from edgeprune.pruning.labels import Ids

#: Whole numbers by attribute: one, or a list or tuple of some.
Numbers: TypeAlias = dict[str, int | tuple[int, ...]]


@dataclass(frozen=True, eq=False)
class Attribute:
    """An attribute of a module that follows the cut.

    Attributes:
        name: of the module, a dot and the attribute.
        numbers: for each of its numbers the labels whose kept ones it counts.
    """

    name: str
    numbers: tuple[Ids, ...]


def numbers_of(model: nn.Module) -> dict[str, Numbers]:
    """The whole numbers that modules keep, by the module's name."""
    found: dict[str, Numbers] = {}
    for name, module in model.named_modules():
        kept: Numbers = {}
        for own, value in vars(module).items():
            if own.startswith("_"):
                continue
            if _whole(value):
                kept[own] = value
            elif isinstance(value, list | tuple) and value and all(map(_whole, value)):
                kept[own] = tuple(value)
        if kept:
            found[name] = kept
    return found


def counting(
    numbers: Numbers, sizes: Sequence[int], parts: Sequence[Ids]
) -> dict[str, tuple[Ids, ...]] | None:
    """The attributes that say how long some neighbouring parts of an axis are.

    Args:
        numbers: of the module that takes the axis apart.
        sizes: of the parts.
        parts: their labels; those that share an attribute have to be cut alike.

    Returns:
        For each attribute the labels that its numbers count, or None where a size is in none.
    """
    listed = [name for name, value in numbers.items() if value == tuple(sizes)]
    if listed:
        return dict.fromkeys(listed, tuple(parts))
    found: dict[str, tuple[Ids, ...]] = {}
    for size, part in zip(sizes, parts, strict=True):
        named = [name for name, value in numbers.items() if value == size]
        if not named:
            break
        for name in named:
            found.setdefault(name, (part,))
    else:
        return found
    total = [name for name, value in numbers.items() if value == sum(sizes)]
    if total and len(set(sizes)) == 1:
        return dict.fromkeys(total, (np.concatenate(parts),))
    return None


def _whole(value: object) -> bool:
    return isinstance(value, int) and not isinstance(value, bool)
