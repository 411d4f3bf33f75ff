"""What a `SearchProblem` must hold: choices, branches and curves that fit together."""

import math
from collections.abc import Iterator, Mapping, Sequence
from itertools import pairwise

from edgeprune.errors import SearchError, nearest

#: Losses that differ by less are equal: sums of floats scatter.
_TOLERANCE = 1e-9


def check_choices(groups: Sequence[str], choices: Mapping[str, Sequence[int]]) -> None:
    """Refuse choices that are not ascending, or without a positive width.

    Raises:
        SearchError: naming the group.
    """
    for group in groups:
        allowed = list(choices.get(group, ()))
        ascending = allowed == sorted(set(allowed))
        if not allowed or not ascending or allowed[0] < 0 or allowed[-1] < 1:
            msg = (
                f"choices of group {group!r} must be positive and ascending (0 first where its "
                f"branch may go), got {allowed}"
            )
            raise SearchError(msg)


def check_branches(
    groups: Sequence[str],
    choices: Mapping[str, Sequence[int]],
    branches: Sequence[Sequence[str]],
) -> None:
    """Refuse branches that do not hold exactly the groups which may be 0, each once and in order.

    Raises:
        SearchError: naming the group.
    """
    place = {group: index for index, group in enumerate(groups)}
    branch_of: dict[str, Sequence[str]] = {}
    for branch in branches:
        if not branch:
            msg = "a branch without groups cannot be removed"
            raise SearchError(msg)
        for group in branch:
            if group not in place:
                msg = f"branch {tuple(branch)} has unknown group {group!r}{nearest(group, groups)}"
                raise SearchError(msg)
            if group in branch_of:
                msg = f"group {group!r} is in two branches: {tuple(branch_of[group])} and {branch}"
                raise SearchError(msg)
            if choices[group][0] != 0:
                msg = f"group {group!r} of a branch must have the choice 0, got {choices[group][0]}"
                raise SearchError(msg)
            branch_of[group] = branch
        if any(place[a] > place[b] for a, b in pairwise(branch)):
            msg = f"groups of branch {tuple(branch)} are not in the order of the network"
            raise SearchError(msg)
    for group in groups:
        if choices[group][0] == 0 and group not in branch_of:
            msg = f"group {group!r} has the choice 0 but is in no branch that could go"
            raise SearchError(msg)


def check_curves(
    groups: Sequence[str],
    choices: Mapping[str, Sequence[int]],
    branches: Sequence[Sequence[str]],
    curves: Mapping[str, Sequence[float]],
) -> None:
    """Refuse curves that are no losses; see `SearchProblem.curves`.

    Raises:
        SearchError: naming the group.
    """
    for group in curves:
        if group not in choices:
            msg = f"a curve is of unknown channel group {group!r}{nearest(group, groups)}"
            raise SearchError(msg)
    for group in groups:
        wrong = next(_faults(list(curves.get(group, ())), choices[group]), None)
        if wrong is not None:
            msg = f"the sensitivity curve of group {group!r} {wrong}"
            raise SearchError(msg)
    for branch in branches:
        for group in branch[1:]:
            if curves[group][0]:
                msg = (
                    f"the sensitivity curve of group {group!r} has {curves[group][0]:g} at width "
                    f"0; the loss of removing a branch stands at its first group, {branch[0]!r}, "
                    "the others have 0"
                )
                raise SearchError(msg)


def _faults(curve: list[float], choices: Sequence[int]) -> Iterator[str]:
    if len(curve) != len(choices):
        yield f"has {len(curve)} losses, expected {len(choices)} (one for each choice)"
        return
    if not all(map(math.isfinite, curve)):
        yield f"is not finite: {curve}"
        return
    if min(curve) < 0:
        yield f"has a negative loss: {min(curve):g}"
    if curve[-1] > _TOLERANCE:
        yield f"must end with 0, the loss of the full width, got {curve[-1]:g}"
    # Removing a branch may hurt less than leaving it a few channels: width 0 is free of the order.
    kept = curve[1:] if choices[0] == 0 else curve
    for narrow, wide in pairwise(kept):
        if wide > narrow + _TOLERANCE:
            yield f"rises with width, from {narrow:g} to {wide:g}: make it monotone first"
            return
