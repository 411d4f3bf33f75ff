"""Conformance kit for file formats.

Hold your own format to the contract that a run's artifacts rely on::

    import pytest
    from edgeprune.testing.formats import FormatConformance
    from my_project.formats import MyFormat


    class TestMine(FormatConformance):
        name = "model.mine"

        @pytest.fixture(scope="class")
        def form(self):
            return MyFormat()
"""

from pathlib import Path

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from torch import nn

from edgeprune.config import CalibrationConfig
from edgeprune.errors import VerificationError
from edgeprune.export.formats import Format, Made, Source
from edgeprune.export.verification import TOLERANCE
from edgeprune.pruning import ChannelSpace
from edgeprune.quantization import CalibrationImages
from edgeprune.tensors import single
from edgeprune.workloads import ArraySplit

_SIZE = 16
#: Largest difference to float, as a share of the largest output.
_ALLOWED = {"float32": TOLERANCE, "float16": 0.02, "int8": 0.2}


class _Net(nn.Module):
    """Two layers with weights, a residual, and a reduction that drops dimensions."""

    def __init__(self) -> None:
        super().__init__()
        self.first, self.norm = nn.Conv2d(3, 8, 3, padding=1), nn.BatchNorm2d(8)
        self.second, self.head = nn.Conv2d(8, 8, 3, padding=1), nn.Linear(8, 4)

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        """Four logits."""
        features = torch.relu(self.norm(self.first(images)))
        features = torch.relu(features + self.second(features))
        logits: torch.Tensor = self.head(features.mean((2, 3)))
        return logits


def small_source() -> Source:
    """A small network that a format is tried on; the same at every call."""
    torch.manual_seed(0)
    model = _Net()
    images = single(next(iter(_split().batches(16)))[0], "this kit")
    with torch.inference_mode():
        model(images)  # batch norm's statistics are not those of an empty layer
    content = ChannelSpace.from_model(model.eval(), images[:1]).template.base
    return Source(model, content, images[:1])


def _split() -> ArraySplit:
    pixels = np.random.default_rng(0).integers(0, 256, (32, 3, _SIZE, _SIZE), np.uint8)
    return ArraySplit("noise", pixels, np.arange(32) % 4)


class FormatConformance:
    """The contract of a `Format`; inherit, give ``name`` and the fixture ``form``.

    Attributes:
        name: of a file, with the end that the format's files have.
        precisions: beside float32.
    """

    name = ""
    precisions: tuple[str, ...] = ("float16", "int8")

    @pytest.fixture(scope="class")
    def form(self) -> Format:
        """The format to be held to the contract."""
        raise NotImplementedError

    @pytest.fixture(scope="class")
    def source(self) -> Source:
        """What is converted."""
        return small_source()

    @pytest.fixture(scope="class")
    def images(self) -> CalibrationImages:
        """What int8 is calibrated with."""
        return CalibrationImages(_split(), CalibrationConfig(name="kit", images=32))

    @pytest.fixture(scope="class")
    def plain(
        self, form: Format, source: Source, tmp_path_factory: pytest.TempPathFactory
    ) -> tuple[Made, Path]:
        """The float32 file, made and written."""
        made = form.convert(source, "float32")
        return made, _written(tmp_path_factory.mktemp("plain") / self.name, made)

    def test_float32_computes_what_torch_computes(
        self, form: Format, source: Source, plain: tuple[Made, Path]
    ) -> None:
        """Read from disk, on more images than one."""
        assert _difference(form, source, plain[1]) <= _ALLOWED["float32"]

    def test_nothing_inside_is_transposed(self, form: Format, plain: tuple[Made, Path]) -> None:
        """The network is laid out as its runtime wants it."""
        lint = form.lint(plain[1])
        assert lint.transposes == 0
        assert lint.to_json()["warnings"] == lint.warnings()

    def test_lower_precisions_are_near_and_the_same_every_time(
        self, form: Format, source: Source, images: CalibrationImages, tmp_path: Path
    ) -> None:
        """Near to float, not equal to it, and equal to themselves."""
        for precision in self.precisions:
            made = form.convert(source, precision, images)
            found = _difference(form, source, _written(tmp_path / self.name, made))
            assert 0 < found <= _ALLOWED[precision], precision
            if made.companions:  # compiled: the same network, not always the same bytes
                continue
            assert form.convert(source, precision, images).content == made.content, precision

    def test_layers_kept_in_float_take_their_noise_with_them(
        self, form: Format, source: Source, images: CalibrationImages
    ) -> None:
        """`noise` names layers that `convert` takes."""
        if "int8" not in self.precisions:
            pytest.skip("has no int8")
        noise = form.noise(source, form.convert(source, "int8", images), images)
        assert 1 < len(noise) <= 3 and list(noise.values()) == sorted(noise.values())
        kept = form.convert(source, "int8", images, list(noise)[:1])
        assert kept.content != form.convert(source, "int8", images).content

    @pytest.mark.parametrize("share", [0.0, 0.2, 0.7])
    def test_half_a_file_is_told(
        self, form: Format, plain: tuple[Made, Path], tmp_path: Path, share: float
    ) -> None:
        """By an error of ours; a runtime may end the process."""
        path = _written(tmp_path / self.name, plain[0])
        path.write_bytes(plain[0].content[: int(share * len(plain[0].content))])
        with pytest.raises(VerificationError):
            form.run(path)

    def test_other_images_are_told(self, form: Format, plain: tuple[Made, Path]) -> None:
        """Of another number of channels."""
        with pytest.raises(VerificationError):
            form.run(plain[1])(np.zeros((2, 1, _SIZE, _SIZE), np.float32))


def _written(path: Path, made: Made) -> Path:
    path.write_bytes(made.content)
    for suffix, content in made.companions.items():
        path.with_name(path.name + suffix).write_bytes(content)
    return path


def _difference(form: Format, source: Source, path: Path) -> float:
    """Largest difference to torch, as a share of the largest output."""
    images = single(next(iter(_split().batches(8)))[0], "this kit")
    with torch.inference_mode():
        expected: NDArray[np.float32] = source.model(images).numpy()
    (found,) = form.run(path)(images.numpy())
    assert found.shape == expected.shape
    return float(np.abs(found - expected).max() / np.abs(expected).max())
