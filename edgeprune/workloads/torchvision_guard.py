"""The one door to torchvision, which opens beside a torch build its wheel was not made for.

torchvision's PyPI wheel is built against CUDA torch. With CPU torch its compiled ops cannot be
loaded and ``import torchvision`` fails at ``torchvision::nms``. Declaring the two missing schemas
first is enough for everything but the detection ops. A matching build is left alone.
"""

import sys
from importlib.util import find_spec
from pathlib import Path

import torch

_SCHEMAS = (
    "nms(Tensor dets, Tensor scores, float iou_threshold) -> Tensor",
    "qnms(Tensor dets, Tensor scores, float iou_threshold) -> Tensor",
)


def _compiled_ops_load() -> bool:
    spec = find_spec("torchvision")
    if spec is None or spec.origin is None:
        return True  # not installed: let the import below say so
    for suffix in ("so", "pyd"):
        for library in Path(spec.origin).parent.glob(f"_C*.{suffix}"):
            try:
                torch.ops.load_library(str(library))  # type: ignore[no-untyped-call]
            except OSError:
                continue
            return True
    return False


def _declare_missing_ops() -> torch.library.Library | None:
    if "torchvision" in sys.modules or _compiled_ops_load():
        return None
    # A fragment, not a definition: another package may have declared the namespace already.
    library = torch.library.Library("torchvision", "FRAGMENT")  # type: ignore[no-untyped-call]
    for schema in _SCHEMAS:
        if not hasattr(torch.ops.torchvision, schema.split("(")[0]):
            library.define(schema)  # type: ignore[no-untyped-call]
    return library


# Kept alive: the schemas vanish with the object.
_declared = _declare_missing_ops()

import torchvision  # noqa: E402
import torchvision.datasets  # noqa: E402
import torchvision.models  # noqa: E402

__all__ = ["torchvision"]
