"""TFLite files of a run's networks: sliced from one conversion, or converted one by one."""

from collections import OrderedDict
from collections.abc import Callable, Mapping

import torch
from torch import nn

from edgeprune.errors import SlicingError
from edgeprune.export.litert import to_tflite
from edgeprune.export.tflite_slicing import TfliteSlicer, open_slicer
from edgeprune.export.tflite_slicing.numbers import Network
from edgeprune.pruning import ChannelSpace
from edgeprune.quantization.tflite_graph import read_tflite
from edgeprune.tensors import single
from edgeprune.workloads import Workload

#: Images that slices are held to torch on.
_IMAGES = 4
#: Conversions that are kept: the base's, and that of the candidate at hand.
_KEPT = 4


class TfliteFiles:
    """Makes a TFLite file of any float32 ONNX file that the run's template has written.

    Where slicing does not hold, which is said once, the candidate's torch model is converted.

    Args:
        workload: the base model and its images.
        space: its channel groups.
        say: tells the user.

    Raises:
        TargetError: the converter is not installed.
        WorkloadError: it does not know one of the model's operators, which is named.
    """

    def __init__(self, workload: Workload, space: ChannelSpace, say: Callable[[str], None]) -> None:
        self._model, self._space, self._say = workload.model, space, say
        self._example = single(workload.example_input, "TFLite")
        self._slicer: TfliteSlicer | None = None
        self._converted: OrderedDict[bytes, bytes] = OrderedDict()
        self._told = False
        images, _ = next(iter(workload.splits.train.batches(_IMAGES)))
        try:
            self._slicer = open_slicer(self._model, space, single(images, "TFLite"), say)
        except SlicingError as error:
            self._tell(error)

    @property
    def nodes(self) -> Mapping[str, str]:
        """Nodes of the ONNX file by what a profile calls the layers; empty where not known."""
        return {} if self._slicer is None else self._slicer.nodes

    def __call__(self, content: bytes) -> bytes:
        """The TFLite file of an ONNX file.

        Raises:
            WorkloadError: it can be neither sliced nor converted.
        """
        if self._slicer is not None:
            try:
                return self._slicer.slice(content)
            except SlicingError as error:
                self._tell(error)
        if content not in self._converted:
            while len(self._converted) >= _KEPT:
                self._converted.popitem(last=False)
            self._converted[content] = to_tflite(self._rebuilt(content), self._example)[0]
        return self._converted[content]

    def _rebuilt(self, content: bytes) -> nn.Module:
        """The torch model of an ONNX file."""
        arrays = Network.read(content).arrays
        plan = self._space.plan(self._space.widths_of(arrays))
        pruned = plan.apply(self._model).eval()
        own = {name: arrays[name] for name in pruned.state_dict() if name in arrays}
        pruned.load_state_dict(
            {name: torch.from_numpy(array.copy()) for name, array in own.items()}, strict=False
        )
        return pruned

    def _tell(self, error: SlicingError) -> None:
        if not self._told:
            self._say(
                "the converted TFLite file cannot be sliced, so candidates are converted one by "
                f"one, which takes long: {error}"
            )
        self._told = True


def layer_names(content: bytes) -> dict[str, str]:
    """What the layers of a TFLite file are called, by the tensors that they write."""
    return {one.outputs[0].name: one.layer for one in read_tflite(content).operators}
