"""What a file format has to be able to do, and what passes between it and a pipeline."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

if TYPE_CHECKING:
    import torch

    from edgeprune.config import TargetConfig
    from edgeprune.devices.artifacts import Note
    from edgeprune.export.verification import Runner
    from edgeprune.quantization import CalibrationImages
    from edgeprune.tensors import Inputs


@dataclass(frozen=True)
class Source:
    """The network that artifacts are made from.

    Attributes:
        model: in eval mode.
        onnx: its float32 ONNX file.
        example: one image, (1, C, H, W) float32, or what else the model is given.
        files: float32 files of other formats that were made of it before, by format.
    """

    model: "torch.nn.Module"
    onnx: bytes
    example: "Inputs"
    files: Mapping[str, bytes] = field(default_factory=dict)


@dataclass(frozen=True)
class Made:
    """An artifact before it is written and judged.

    Attributes:
        content: the file.
        companions: other files that belong to it, by the end of their name.
        details: for its record; JSON-able.
        stand_in: the same network for this machine's processor, where `content` cannot run here.
    """

    content: bytes
    companions: Mapping[str, bytes] = field(default_factory=dict)
    details: Mapping[str, Any] = field(default_factory=dict)
    stand_in: "Made | None" = None


class Lint(Protocol):
    """What in a file may be slow, or hinder a runtime."""

    @property
    def transposes(self) -> int:
        """Operators inside the network that only change the layout of a tensor."""
        ...

    def warnings(self) -> list[str]:
        """One sentence for each thing that may cost time or portability."""
        ...

    def to_json(self) -> dict[str, Any]:
        """Plain values for the manifest, the warnings among them."""
        ...


class Format(Protocol):
    """A file format: how a network gets into it, and how a file of it is run and looked over."""

    def convert(
        self,
        source: Source,
        precision: str,
        images: "CalibrationImages | None" = None,
        keep_float: Sequence[str] = (),
    ) -> Made:
        """Make a file.

        Args:
            source: the network.
            precision: ``float32``, ``float16`` or ``int8``.
            images: calibration images; needed for int8.
            keep_float: layers, by the names that `noise` gives, that int8 leaves in float.

        Raises:
            UserError: the network or the recipe cannot be converted; the message says which
                operator of which module it is.
        """
        ...

    def run(self, path: Path) -> "Runner":
        """Open a written file in its own runtime.

        Raises:
            VerificationError: it is damaged, or for another machine.
        """
        ...

    def lint(self, path: Path) -> Lint:
        """Look a written file over, without running it.

        Raises:
            VerificationError: it is damaged.
        """
        ...

    def noise(self, source: Source, made: Made, images: "CalibrationImages") -> dict[str, float]:
        """Signal to quantisation noise of every layer of an int8 file, dB, the noisiest first."""
        ...


@dataclass(frozen=True)
class FormatSpec:
    """What is known of a format without opening it.

    Attributes:
        name: in a pipeline file.
        suffix: end of its files' names.
        open: makes the format for a target; raises `TargetError` where what it needs is missing.
        check: raises `TargetError` where files cannot be written here though it can be opened.
        tag: part of its files' names that says what they are for.
        content: what a device is sent of a written file.
    """

    name: str
    suffix: str
    open: "Callable[[TargetConfig, Note], Format]"
    check: "Callable[[TargetConfig], None]" = lambda target: None
    tag: "Callable[[TargetConfig], str]" = lambda target: ""
    content: Callable[[Path], bytes] = Path.read_bytes
