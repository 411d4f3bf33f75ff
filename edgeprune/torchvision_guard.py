"""Lets torchvision open beside a torch build that its wheel was not made for.

torchvision's PyPI wheel is built against CUDA torch. With CPU torch its compiled ops cannot be
loaded and ``import torchvision`` fails at ``torchvision::nms``. Declaring the two missing schemas
first is enough for everything but the detection ops. A matching build is left alone.

The declaration waits until somebody imports torchvision (timm does, and users' modules): loading
it takes a second, and most commands need none of it.
"""

import sys
from collections.abc import Sequence
from importlib.abc import MetaPathFinder
from importlib.machinery import ModuleSpec
from importlib.util import find_spec
from pathlib import Path
from types import ModuleType
from typing import Any

_SCHEMAS = (
    "nms(Tensor dets, Tensor scores, float iou_threshold) -> Tensor",
    "qnms(Tensor dets, Tensor scores, float iou_threshold) -> Tensor",
)
#: Kept alive: the schemas vanish with the object.
_declared: list[Any] = []


class _Guard(MetaPathFinder):
    """Finds nothing; sees the first search for torchvision."""

    def find_spec(
        self, name: str, path: Sequence[str] | None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        if name == "torchvision":
            sys.meta_path.remove(self)
            _declare_missing_ops()
        return None


def guard() -> None:
    """Watch for the first import of torchvision, unless it is loaded already."""
    if "torchvision" not in sys.modules:
        sys.meta_path.insert(0, _Guard())


def _compiled_ops_load() -> bool:
    import torch  # not before somebody wants torchvision

    spec = find_spec("torchvision")
    if spec is None or spec.origin is None:
        return True  # not installed: whoever imports it hears so
    for suffix in ("so", "pyd"):
        for library in Path(spec.origin).parent.glob(f"_C*.{suffix}"):
            try:
                torch.ops.load_library(str(library))  # type: ignore[no-untyped-call]
            except OSError:
                continue
            return True
    return False


def _declare_missing_ops() -> None:
    if _compiled_ops_load():
        return
    import torch

    # A fragment, not a definition: another package may have declared the namespace already.
    library = torch.library.Library("torchvision", "FRAGMENT")  # type: ignore[no-untyped-call]
    for schema in _SCHEMAS:
        if not hasattr(torch.ops.torchvision, schema.split("(")[0]):
            library.define(schema)  # type: ignore[no-untyped-call]
    _declared.append(library)
