"""The gates of an artifact: each gives the reasons against it, none where it passes."""

import math

from edgeprune.config import ExportConfig
from edgeprune.devices import Comparison
from edgeprune.export import Verification, inexact

#: Standard deviations by which an accuracy has to be above chance.
_SURE = 3.0


def accuracy_reasons(
    found: Verification, precision: str, accuracy: float, chance: float, settings: ExportConfig
) -> list[str]:
    """What speaks against a file's outputs.

    Args:
        found: how it did on the test split.
        precision: float32 has to compute what torch computes.
        accuracy: of the float32 ONNX file, 0 to 1.
        chance: the score of a network that learned nothing.
        settings: how much may be lost.
    """
    reasons = []
    if precision == "float32" and (wrong := inexact(found)):
        reasons.append(wrong)
    drop = 100 * (accuracy - found.accuracy)
    if drop > settings.accuracy_drop:
        allowed = f"allowed: {settings.accuracy_drop:g}"
        reasons.append(f"loses {drop:.2f} points to float32; {allowed}")
    at_chance = is_chance(found.accuracy, found.images, chance)
    if at_chance and not is_chance(accuracy, found.images, chance):
        reasons.append(f"its accuracy, {found.accuracy:.2%}, is that of chance ({chance:.2%})")
    return reasons


def is_chance(accuracy: float, images: int, chance: float) -> bool:
    """Whether guessing does as well, within three standard deviations."""
    return accuracy <= chance + _SURE * math.sqrt(chance * (1 - chance) / images)


def latency_reasons(comparison: Comparison) -> list[str]:
    """What speaks against a lower precision's latency beside that of float32."""
    low, high = comparison.ratio_interval
    if high < 1:
        return []
    return [f"is not surely faster than float32: {low:.3f}x to {high:.3f}x of its latency"]


def transpose_reasons(transposes: int, settings: ExportConfig) -> list[str]:
    """What speaks against a file's layout."""
    if settings.max_transposes is None or transposes <= settings.max_transposes:
        return []
    return [f"has {transposes} Transpose nodes; allowed: {settings.max_transposes}"]
