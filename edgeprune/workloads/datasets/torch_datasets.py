"""What a user's function may give instead of a `Dataset`: torch datasets, by purpose."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from edgeprune.errors import WorkloadError, nearest
from edgeprune.workloads.datasets.dataset import Dataset
from edgeprune.workloads.split import Split
from edgeprune.workloads.torch_split import TorchSplit

_PARTS = ("train", "test", "reward")
_ALLOWED = (
    "allowed: edgeprune.workloads.Dataset, a torch Dataset, a mapping or a tuple of them "
    "(train, test and perhaps reward, classes)"
)


def dataset_of_parts(found: Any, name: str) -> Dataset:
    """The data set of torch datasets.

    Args:
        found: one of the map style, a mapping with ``train``, ``test`` and perhaps ``reward`` and
            ``classes``, or a tuple in this order, of which the names of the classes are the last.
        name: of the function that gave it.

    Returns:
        Classes not given are the training dataset's ``classes``, else numbers where targets are
        classes, else none. A single dataset is cut into train and test.

    Raises:
        WorkloadError: it is something else.
    """
    parts = _by_name(found, name)
    wrong = [key for key, one in parts.items() if not _fits(key, one)]
    if wrong or "train" not in parts:
        of = f" whose {wrong[0]} is a {type(parts[wrong[0]]).__name__}" if wrong else ""
        msg = f"{name} gave a {type(found).__name__}{of}; {_ALLOWED}"
        raise WorkloadError(msg)
    classes = parts.pop("classes", None)
    splits = {part: _split(part, data) for part, data in parts.items()}
    if classes is None:
        classes = _own_classes(parts["train"], splits["train"])
    return Dataset(
        classes=tuple(str(one) for one in classes),
        train=splits["train"],
        test=splits.get("test"),
        reward=splits.get("reward"),
        divided="test" in splits,
    )


def _by_name(found: Any, name: str) -> dict[str, Any]:
    if isinstance(found, Mapping):
        allowed = (*_PARTS, "classes")
        for key in found:
            if key not in allowed:
                msg = (
                    f"{name} gave a mapping with {key!r}; allowed: "
                    f"{', '.join(allowed)}{nearest(str(key), allowed)}"
                )
                raise WorkloadError(msg)
        return {key: one for key, one in found.items() if one is not None}
    if isinstance(found, tuple):
        named = len(found) > 1 and _are_names(found[-1])
        data = found[:-1] if named else found
        if 1 <= len(data) <= len(_PARTS):
            parts = dict(zip(_PARTS, data, strict=False))
            return parts | ({"classes": found[-1]} if named else {})
    return {"train": found}


def _fits(key: str, one: Any) -> bool:
    if key == "classes":
        return _are_names(one)
    kinds = (str, bytes, list, tuple, Mapping)
    map_style = hasattr(one, "__getitem__") and hasattr(one, "__len__")
    return isinstance(one, Split) or (map_style and not isinstance(one, kinds))


def _are_names(one: Any) -> bool:
    if isinstance(one, str) or not isinstance(one, Sequence):
        return False
    return all(isinstance(name, str) for name in one)


def _split(part: str, data: Any) -> Split:
    return data if isinstance(data, Split) else TorchSplit(part, data)


def _own_classes(data: Any, split: Split) -> Sequence[str]:
    own = getattr(data, "classes", None)
    if own is not None and _are_names(own):
        return tuple(own)
    labels = getattr(split, "labels", np.zeros(0, np.int64))
    return tuple(map(str, range(int(labels.max()) + 1))) if labels.any() else ()
