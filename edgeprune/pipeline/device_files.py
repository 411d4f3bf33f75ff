"""What a search makes of its candidates' float32 ONNX files for the device."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from edgeprune.evaluation.evaluator import ScoreFile


@dataclass(frozen=True)
class DeviceFiles:
    """Makes the files that are measured.

    Attributes:
        form: their format.
        make: a file of a candidate's float32 ONNX file.
        score: metrics of a file in its own runtime, where it does not compute what torch computes.
        float32: the file of the same format in float32, where `make` makes another.
        nodes: nodes of the ONNX file by what a profile of the device calls its layers; None where
            a profile shows other kernels than those that are measured.
        names: of a file's other layers, for a person, by what a profile calls them.
    """

    form: str
    make: Callable[[bytes], bytes]
    score: ScoreFile | None = None
    float32: Callable[[bytes], bytes] | None = None
    nodes: Mapping[str, str] | None = field(default=None, repr=False)
    names: Callable[[bytes], Mapping[str, str]] = lambda content: {}

    def __call__(self, content: bytes) -> bytes:
        """The file of a candidate."""
        return self.make(content)

    def plain(self, content: bytes) -> dict[str, bytes]:
        """The float32 file of a candidate by its format; none where that is the ONNX file."""
        if self.form == "onnx":
            return {}
        return {self.form: (self.float32 or self.make)(content)}
