"""Accuracy class by class, before and after: what an average hides."""

from collections.abc import Sequence
from dataclasses import dataclass

from edgeprune.report.fields import EXACT, AtLeastOne, Share

#: Classes that the page shows: those that changed most.
SHOWN = 12


@dataclass(frozen=True)
class ClassAccuracy:
    """Share of one class's test images that is right, ``before`` in the base and ``after``."""

    __pydantic_config__ = EXACT

    name: str
    images: AtLeastOne
    before: Share
    after: Share


def most_changed(classes: Sequence[ClassAccuracy]) -> list[ClassAccuracy]:
    """The classes to show, those that lost most first."""
    changed = sorted(classes, key=lambda one: -abs(one.after - one.before))[:SHOWN]
    return sorted(changed, key=lambda one: one.after - one.before)


def classes_sentence(classes: Sequence[ClassAccuracy], of: str = "images") -> str:
    """How many there are, and which one lost most.

    Args:
        classes: all of them.
        of: what is counted in each.
    """
    worst = min(classes, key=lambda one: one.after - one.before)
    shown = f"The {SHOWN} of {len(classes)} classes that changed most. "
    lost = f"{100 * (worst.before - worst.after):.1f}"
    return (
        f"{shown if len(classes) > SHOWN else ''}Test {of} that the written files get right. "
        f"“{worst.name}” lost most: {lost} points, of {worst.images} {of}."
        if worst.after < worst.before
        else f"{shown if len(classes) > SHOWN else ''}No class lost accuracy."
    )
