"""From densities to an outcome: mask, re-estimate the batch norms, score, measure."""

import time
import zlib
from collections.abc import Callable
from typing import TYPE_CHECKING

from torch import nn

from edgeprune.evaluation.accuracy import BATCH_SIZE, score
from edgeprune.evaluation.batch_norm import recalibrate
from edgeprune.evaluation.execution import Execution, flush_denormals
from edgeprune.search.outcome import Outcome

if TYPE_CHECKING:
    from edgeprune.devices import Comparison, Device
    from edgeprune.pruning import Densities, MaskSpace, Template
    from edgeprune.workloads import Split


class MaskedEvaluator:
    """Evaluates masked candidates of one model.

    The candidate's file has the base model's shapes and zeros among its weights, so a dense
    runtime takes as long for any of them as for the base model: the first one's latency is
    measured and stands for all of a search (a run measures each file that it finishes). What
    masks save is ``bytes``, the file compressed.

    Args:
        model: the trained base; not changed.
        space: its layers and their magnitudes.
        template: writes its ONNX file.
        train: the training images; the first `images` of a shuffle re-estimate batch norms.
        reward: what accuracy is measured on.
        device: what latency is measured on, beside the template's base; open.
        images: how many images re-estimate batch norms.
        macs: multiply-accumulates of the base model, which dense runtimes do for every candidate.
        seed: of the choice of images.
        retrain: trains a masked model a little before it is scored, calling its second argument
            after every step, which puts the zeros back; accuracies then stand for those after
            fine-tuning, at a cost (``details["seconds"]["retrain"]``).
    """

    def __init__(
        self,
        *,
        model: nn.Module,
        space: "MaskSpace",
        template: "Template",
        train: "Split",
        reward: "Split",
        device: "Device",
        images: int,
        macs: int,
        seed: int = 0,
        retrain: Callable[[nn.Module, Callable[[], None]], None] | None = None,
    ) -> None:
        flush_denormals()
        self._model, self._space, self._template = model, space, template
        self._device, self._macs, self._retrain = device, macs, retrain
        example, _ = next(iter(reward.batches(1)))
        self._execution = Execution.for_model(model, example)
        place = self._execution.place
        few = train.subset(images, seed)
        self._statistics = [place(inputs) for inputs, _ in few.batches(BATCH_SIZE)]
        self._comparison: Comparison | None = None
        self._reward = [(place(inputs), labels) for inputs, labels in reward.batches(BATCH_SIZE)]

    def masked(self, densities: "Densities") -> nn.Module:
        """The masked model with batch norms that fit it, in eval mode.

        Raises:
            SpaceError: densities that the space does not allow.
        """
        model = self._space.apply(self._model, self._space.masks(densities))
        recalibrate(model, self._statistics, self._execution)
        return model.eval()

    def __call__(self, densities: "Densities") -> Outcome:
        """Evaluate one candidate.

        Args:
            densities: thousandths of its weights that each layer keeps.

        Returns:
            Its outcome: ``parameters`` are those that are not masked, ``bytes`` the compressed
            file, ``details["density"]`` the kept share of all prunable weights.

        Raises:
            SpaceError: densities that the space does not allow.
            MeasurementError: the device gave no latency that can be trusted.
        """
        start = time.perf_counter()
        model = self.masked(densities)
        recovered = time.perf_counter()
        if self._retrain is not None:
            masks = self._space.masks(densities)
            self._retrain(model, lambda: self._space.hold(model, masks))
        trained = time.perf_counter()
        accuracy = score(model, self._reward)
        scored = time.perf_counter()
        content = self._template.candidate(model.state_dict())
        comparison = self._comparison or self._device.compare(content, self._template.base)
        self._comparison = comparison
        measured = time.perf_counter()
        seconds = {
            "recover": recovered - start,
            "retrain": trained - recovered,
            "accuracy": scored - trained,
            "latency": measured - scored,
        }
        return Outcome(
            accuracy=accuracy,
            latency_ms=comparison.candidate.median_ms,
            latency_ratio=comparison.ratio,
            macs=self._macs,
            parameters=self._space.parameters(densities),
            bytes=compressed_bytes(content),
            details={"seconds": seconds, "density": self._space.density(densities)}
            | comparison.to_json(),
        )


def compressed_bytes(content: bytes) -> int:
    """Size of a file after deflate, as in a wheel, an APK or over HTTP."""
    return len(zlib.compress(content, 6))
