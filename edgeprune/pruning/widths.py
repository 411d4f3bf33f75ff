"""Which widths a group may take, and checks of the widths a caller gives."""

import math
from collections.abc import Mapping, Sequence
from fnmatch import fnmatchcase
from numbers import Integral, Real
from typing import Any, TypeAlias

import numpy as np

from edgeprune.errors import SpaceError, nearest
from edgeprune.pruning.costs import Floats
from edgeprune.pruning.flow import LAYER_KINDS
from edgeprune.pruning.groups import ChannelGroup
from edgeprune.pruning.plan import Widths

#: One multiple of channels for all layers, or one for each kind of layer (1 where not named).
Multiple: TypeAlias = int | Mapping[str, int]


def multiple_of(
    group: ChannelGroup, multiple: Multiple, kinds: Mapping[str, str], least_choices: int = 1
) -> int:
    """The multiple of a group's channels that suits every layer it cuts.

    Args:
        group: the group.
        multiple: what the target's kernels want.
        kinds: kind of every layer (`LAYER_KINDS`) by its name.
        least_choices: it is halved while the group has fewer times it in its channels.
    """
    if isinstance(multiple, int):
        found = multiple
    else:
        found = math.lcm(*(multiple.get(kinds[name], 1) for name in group.layers))
    while least_choices > 1 and found > 1 and group.channels < least_choices * found:
        found //= 2
    return found


def allowed_widths(group: ChannelGroup, multiple: int, min_keep: float) -> tuple[int, ...]:
    """Widths a group may take, ascending.

    Args:
        group: the group.
        multiple: widths are multiples of it; so they are of the group's unit.
        min_keep: smallest share of the channels that stays.

    Returns:
        The multiples from `min_keep` on, and the full width whatever it is.
    """
    step = math.lcm(multiple, group.unit)
    # 0.1 * 30 is 3.0000000000000004: without the margin three channels would not be enough.
    first = max(math.ceil((min_keep * group.channels - 1e-9) / step), 1) * step
    return (*range(first, group.channels, step), group.channels)


def check_settings(multiple: Multiple, min_keep: float) -> None:
    """Check what a space is opened with.

    Raises:
        SpaceError: one of them is out of range, or a kind of layer is unknown.
    """
    for kind, one in multiple.items() if isinstance(multiple, Mapping) else [("conv", multiple)]:
        if kind not in LAYER_KINDS:
            known = ", ".join(LAYER_KINDS)
            msg = f"multiple of {kind!r}; allowed kinds: {known}{nearest(kind, LAYER_KINDS)}"
            raise SpaceError(msg)
        if isinstance(one, bool) or not isinstance(one, Integral) or one < 1:
            msg = f"multiple {one!r} cannot be used; allowed: a whole number from 1"
            raise SpaceError(msg)
    check_ratio("min_keep", min_keep)


def check_ratio(name: str, ratio: Any) -> float:
    """Check that a ratio lies in (0, 1].

    Raises:
        SpaceError: it does not, or is no number.
    """
    if isinstance(ratio, bool) or not isinstance(ratio, Real) or not 0 < float(ratio) <= 1:
        msg = f"{name} {ratio!r} cannot be used; allowed: a number above 0 and at most 1"
        raise SpaceError(msg)
    return float(ratio)


def fix_unwanted(
    groups: Sequence[ChannelGroup],
    include: Sequence[str],
    exclude: Sequence[str],
) -> tuple[ChannelGroup, ...]:
    """Fix the groups a user leaves out.

    Args:
        groups: all groups.
        include: patterns of names (``*``, ``?``, ``[...]``); nothing given means all groups.
        exclude: patterns of names; they win over `include`.

    Raises:
        SpaceError: a pattern matches no group.
    """
    for kind, patterns in (("include", include), ("exclude", exclude)):
        for pattern in patterns:
            _check_matches(kind, pattern, groups)
    kept = []
    for group in groups:
        out = next((one for one in exclude if fnmatchcase(group.name, one)), None)
        if out is not None:
            group = group.but_fixed(f"excluded by {out!r}")
        elif include and not any(fnmatchcase(group.name, one) for one in include):
            group = group.but_fixed("not among the included groups")
        kept.append(group)
    return tuple(kept)


def _check_matches(kind: str, pattern: str, groups: Sequence[ChannelGroup]) -> None:
    names = [group.name for group in groups]
    if any(fnmatchcase(name, pattern) for name in names):
        return
    within = [one.name for one in groups if any(fnmatchcase(name, pattern) for name in one.layers)]
    hint = nearest(pattern, names)
    if within:
        hint = f"; that layer is cut in group {within[0]!r}: name the group"
    msg = f"{kind} pattern {pattern!r} matches no channel group{hint}"
    raise SpaceError(msg)


class WidthRules:
    """What widths of the free groups are allowed.

    Args:
        groups: the free groups.
        choices: allowed widths of each, ascending; from 0 for the groups of branches.
        branches: groups that are 0 together or not at all.
    """

    def __init__(
        self,
        groups: Sequence[ChannelGroup],
        choices: Mapping[str, tuple[int, ...]],
        branches: Sequence[Sequence[str]] = (),
    ) -> None:
        self._choices = choices
        self._branches = branches
        self._least = np.array([min(choices[group.name][0], 1) for group in groups], np.float64)
        self._names = tuple(group.name for group in groups)
        self._known = frozenset(self._names)
        self._unit = np.array([group.unit for group in groups], np.float64)
        self._full = np.array([group.channels for group in groups], np.float64)
        self._channels = {group.name: group.channels for group in groups}

    def check(self, widths: Mapping[str, Any]) -> Widths:
        """Complete widths: with full ones, or with 0 where the rest of a branch has it.

        Raises:
            SpaceError: a group is unknown, a width is none of its choices, or a branch goes in
                part.
        """
        self._check_names(widths)
        complete = dict(self._channels)
        for name, width in widths.items():
            if isinstance(width, bool) or not isinstance(width, Integral):
                self._refuse(name, width)
            if int(width) not in self._choices[name]:
                self._refuse(name, width)
            complete[name] = int(width)
        for branch in self._branches:
            given = {complete[name] for name in branch if name in widths}
            if 0 not in given:
                continue
            if given != {0}:
                listed = ", ".join(f"{name} {complete[name]}" for name in branch if name in widths)
                msg = f"widths {listed}: a branch is removed as a whole, give all of them 0 or none"
                raise SpaceError(msg)
            complete.update(dict.fromkeys(branch, 0))
        return complete

    def snap(self, widths: Mapping[str, float]) -> Widths:
        """The nearest allowed widths; the smaller one of two that are equally near.

        Only 0 itself becomes 0: what is narrow stays.

        Raises:
            SpaceError: a group is unknown, or a width is no finite number.
        """
        self._check_names(widths)
        snapped = dict(self._channels)
        for name, width in widths.items():
            if isinstance(width, bool) or not isinstance(width, Real) or not math.isfinite(width):
                self._refuse(name, width)
            allowed = [one for one in self._choices[name] if (one > 0) == (width > 0)]
            allowed = allowed or list(self._choices[name])
            snapped[name] = min(allowed, key=lambda one: (abs(one - width), one))
        return snapped

    def units(self, widths: Mapping[str, int]) -> Floats:
        """Kept units of every free group; quick, so with fewer checks than `check`.

        Raises:
            SpaceError: a group is unknown, or a width lies outside 1..channels (or is not 0 where
                a branch may go).
        """
        if not widths.keys() <= self._known:
            self._check_names(widths)
        if len(widths) == len(self._names):
            found = np.array([widths[name] for name in self._names], np.float64)
        else:
            found = np.array(
                [widths.get(name, self._channels[name]) for name in self._names], float
            )
        if not ((found >= self._least) & (found <= self._full)).all():  # also catches NaN
            for name, width in widths.items():
                if not min(self._choices[name][0], 1) <= width <= self._channels[name]:
                    self._refuse(name, width)
        return found / self._unit

    def units_of(self, plans: Sequence[Mapping[str, int]]) -> Floats:
        """Kept units of several plans: (plans, groups).

        Raises:
            SpaceError: as `units`.
        """
        if any(len(widths) != len(self._names) for widths in plans):
            return np.stack([self.units(widths) for widths in plans])
        try:
            found = np.array([[w[name] for name in self._names] for w in plans], np.float64)
        except KeyError:
            return np.stack([self.units(widths) for widths in plans])
        if not ((found >= self._least) & (found <= self._full)).all():
            return np.stack([self.units(widths) for widths in plans])
        return np.asarray(found / self._unit)

    def _check_names(self, widths: Mapping[str, Any]) -> None:
        for name in widths:
            if name not in self._known:
                msg = f"{name!r} is no channel group that may be cut{nearest(name, self._names)}"
                raise SpaceError(msg)

    def _refuse(self, name: str, width: Any) -> None:
        choices = self._choices[name]
        if len(choices) > 8:
            step = choices[1] - choices[0]
            listed = f"{choices[0]} to {choices[-1]} in steps of {step}"
        else:
            listed = ", ".join(map(str, choices))
        msg = f"width {width!r} of group {name!r} cannot be used; allowed: {listed}"
        raise SpaceError(msg)
