"""Scenes of several parts as a data set."""

from collections.abc import Mapping

import numpy as np

from edgeprune.workloads.datasets.dataset import Dataset
from edgeprune.workloads.image_tree import WHOLE
from edgeprune.workloads.scene_split import SceneSplit


def scenes_by_part(
    classes: tuple[str, ...], whole: SceneSplit, counts: Mapping[str, int]
) -> Dataset:
    """The data set of scenes that follow each other part by part.

    Args:
        classes: their names.
        whole: all scenes.
        counts: of each part of `edgeprune.workloads.image_tree.PARTS`, in the order of `whole`; or
            of `WHOLE` alone.

    Returns:
        Of ``test`` and ``val`` together, the latter is the reward split.
    """
    if WHOLE in counts:
        return Dataset(classes, whole, None, divided=False)
    ends = np.cumsum(list(counts.values()))
    rows = dict(zip(counts, np.split(np.arange(ends[-1]), ends[:-1]), strict=True))
    held_out = [rows[part] for part in ("test", "val") if part in rows]
    return Dataset(
        classes,
        train=whole.select(rows["train"], "train"),
        test=whole.select(held_out[0], "test") if held_out else None,
        reward=whole.select(held_out[1], "reward") if len(held_out) == 2 else None,
    )
