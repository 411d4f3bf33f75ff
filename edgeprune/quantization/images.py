"""Calibration images: drawn by a recipe, streamed, and known by their digest."""

import hashlib
import json
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from edgeprune.config.calibration import CalibrationConfig
from edgeprune.errors import WorkloadError
from edgeprune.tensors import Inputs, flattened_inputs, single

if TYPE_CHECKING:
    from edgeprune.workloads import Split


class CalibrationImages:
    """The images of a recipe, batch by batch; they are read anew on every pass.

    Args:
        split: where they come from: the training images.
        recipe: how many, and which.
        shape: (C, H, W) that a model with one input takes; None: not checked.

    Raises:
        WorkloadError: there are fewer than two images, or, when they are read: one is of another
            shape, or not finite.
    """

    def __init__(
        self, split: "Split", recipe: CalibrationConfig, shape: tuple[int, ...] | None = None
    ) -> None:
        if len(split) < 2:
            msg = f"calibration needs at least 2 images; {split.name} has {len(split)}"
            raise WorkloadError(msg)
        self.recipe, self._shape = recipe, shape
        self._split = split.subset(min(recipe.images, len(split)), recipe.seed)

    def __len__(self) -> int:
        """How many images there are."""
        return len(self._split)

    @property
    def batch_count(self) -> int:
        """How many batches `batches` gives."""
        return -(-len(self) // self.recipe.batch_size)

    def batches(self) -> Iterator[NDArray[np.float32]]:
        """Float32 (batch, channels, height, width).

        Raises:
            FormError: the network has several inputs.
        """
        for images in self._inputs():
            batch: NDArray[np.float32] = single(images, "this quantisation").numpy()
            if self._shape is not None and batch.shape[1:] != self._shape:
                found, wanted = ("x".join(map(str, one)) for one in (batch.shape[1:], self._shape))
                msg = (
                    f"an image for calibration from {self._split.name} is {found}; the model takes "
                    f"{wanted}"
                )
                raise WorkloadError(msg)
            yield batch

    def fed(self, names: Sequence[str]) -> Iterator[dict[str, NDArray[Any]]]:
        """The same batches by the names of a file's inputs; there may be several."""
        if len(names) == 1:
            yield from ({names[0]: batch} for batch in self.batches())
            return
        for images in self._inputs():
            given = flattened_inputs(images)
            yield {name: given[name].numpy() for name in names}

    def _inputs(self) -> Iterator[Inputs]:
        for images, _ in self._split.batches(self.recipe.batch_size):
            if not all(bool(one.isfinite().all()) for one in flattened_inputs(images).values()):
                msg = f"an image for calibration from {self._split.name} holds NaN or infinity"
                raise WorkloadError(msg)
            yield images

    def digest(self) -> str:
        """SHA-256 of the recipe and the pixels of its images, hexadecimal."""
        recipe: dict[str, Any] = self.recipe.model_dump(mode="json")
        found = hashlib.sha256(json.dumps(recipe, sort_keys=True).encode())
        for images in self._inputs():
            for one in flattened_inputs(images).values():
                found.update(np.ascontiguousarray(one.numpy()).data)
        return found.hexdigest()
