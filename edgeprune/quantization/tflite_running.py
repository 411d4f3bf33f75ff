"""Running a TFLite file on images, in ai-edge-litert."""

import warnings
from collections.abc import Iterable, Iterator
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from edgeprune.errors import VerificationError
from edgeprune.quantization.tflite_graph import read_tflite
from edgeprune.quantization.tflite_precisions import for_input
from edgeprune.tasks import Targets, Task
from edgeprune.tensors import Inputs, rebuilt_outputs, single


class TfliteFile:
    """A file that is open in its runtime, with one thread.

    Args:
        content: the file.
        inside: keep what is computed inside the network, for `tensors`.

    Raises:
        VerificationError: it is no whole file, or the runtime does not take it.
    """

    def __init__(self, content: bytes, *, inside: bool = False) -> None:
        from ai_edge_litert.interpreter import Interpreter

        # The runtime may end the process on half a file: it is read whole first.
        graph = read_tflite(content)
        if not graph.inputs or not graph.outputs:
            msg = "it has no input or no output"
            raise VerificationError(msg)
        self._shape = graph.inputs[0].shape
        try:
            with warnings.catch_warnings():
                # It advises against looking inside, which is what is wanted here.
                warnings.simplefilter("ignore", UserWarning)
                self._interpreter = Interpreter(
                    model_content=content, num_threads=1, experimental_preserve_all_tensors=inside
                )
            self._interpreter.allocate_tensors()
        except (ValueError, RuntimeError) as error:
            msg = f"ai-edge-litert cannot load it: {error}"
            raise VerificationError(msg) from error
        self._input = self._interpreter.get_input_details()[0]
        self._outputs = self._interpreter.get_output_details()

    def __call__(self, images: NDArray[np.float32]) -> list[NDArray[Any]]:
        """Outputs of images, (N, C, H, W) float32; the file takes them one by one."""
        found = [[self._real(one) for one in self._outputs] for _ in self._runs(images)]
        return [np.concatenate(parts) for parts in zip(*found, strict=True)]

    def tensors(self, images: NDArray[np.float32], names: list[str]) -> Iterator[list[Any]]:
        """For each image what is computed inside, as real numbers, by the tensors' names."""
        details = {one["name"]: one for one in self._interpreter.get_tensor_details()}
        for _ in self._runs(images):
            yield [self._real(details[name]) for name in names]

    def _runs(self, images: NDArray[np.float32]) -> Iterator[None]:
        scale, zero = self._input["quantization"]
        kind = np.dtype(self._input["dtype"])
        try:
            given = list(for_input(images, self._shape))
        except ValueError as error:
            raise VerificationError(str(error)) from error
        for image in given:
            values: NDArray[Any] = image
            if scale:
                limits = np.iinfo(kind)
                values = np.clip(np.round(image / scale) + zero, limits.min, limits.max)
            try:
                self._interpreter.set_tensor(self._input["index"], values.astype(kind))
                self._interpreter.invoke()
            except (ValueError, RuntimeError) as error:
                msg = f"ai-edge-litert cannot run it: {error}"
                raise VerificationError(msg) from error
            yield

    def _real(self, entry: dict[str, Any]) -> NDArray[np.float32]:
        scale, zero = entry["quantization"]
        found: NDArray[Any] = self._interpreter.get_tensor(entry["index"])
        values = found.astype(np.float32)
        return np.float32(scale) * (values - np.float32(zero)) if scale else values


def metrics_of_tflite(
    content: bytes, batches: Iterable[tuple[Inputs, Targets]], task: Task, outputs: Any
) -> dict[str, float]:
    """All metrics of a file in its own runtime by name, over batches of images and targets.

    Args:
        content: the file.
        batches: images and targets.
        task: what the network is for.
        outputs: of its torch model, for their form.
    """
    file, meter = TfliteFile(content), task.meter()
    for inputs, targets in batches:
        images = single(inputs, "TFLite")
        found = [torch.from_numpy(one) for one in file(images.contiguous().numpy())]
        meter.update(rebuilt_outputs(outputs, found), targets)
    return meter.compute()
