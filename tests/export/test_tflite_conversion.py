"""From torch to TFLite through the converter, in its own environment."""

import os
import sys
from pathlib import Path

import pytest
import torch
from torch import nn

pytest.importorskip("ai_edge_quantizer", reason="the extra `tflite` is not installed")

from edgeprune.cli.setup import set_up
from edgeprune.config import TargetConfig
from edgeprune.errors import ConfigError, TargetError, WorkloadError
from edgeprune.export.formats import check_writable, open_format
from edgeprune.export.litert import converter_python, to_tflite
from edgeprune.export.litert.environment import PYTHON_VARIABLE
from tests.evaluation.nets import all_images, noise_split
from tests.models import tiny_cnn

IMAGES = all_images(noise_split(4, 32))
LOCAL = TargetConfig(name="here", kind="local")


def _is_there() -> bool:
    try:
        converter_python()
    except TargetError:
        return False
    return True


needs_converter = pytest.mark.skipif(
    not _is_there() and "CI" not in os.environ,
    reason="the converter is not installed: edgeprune setup tflite",
)


class _Triangle(nn.Module):
    def forward(self, features: torch.Tensor) -> torch.Tensor:
        return torch.linalg.qr(features)[0]


@needs_converter
def test_an_unknown_operator_is_named_with_its_module() -> None:
    class Net(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.stem, self.angle = nn.Conv2d(3, 4, 3), _Triangle()

        def forward(self, images: torch.Tensor) -> torch.Tensor:
            return self.angle(self.stem(images)).mean((2, 3))

    with pytest.raises(WorkloadError, match=r"operator aten\.linalg_qr of module angle "):
        to_tflite(Net().eval(), IMAGES[:1])


def test_without_the_converter_the_command_is_told(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.delenv(PYTHON_VARIABLE, raising=False)
    monkeypatch.setenv("EDGEPRUNE_CACHE", str(tmp_path))
    with pytest.raises(TargetError, match="`edgeprune setup tflite`"):
        check_writable("tflite", LOCAL)
    monkeypatch.setenv(PYTHON_VARIABLE, str(tmp_path / "python"))
    with pytest.raises(TargetError, match="which is no program; give a Python's path"):
        converter_python()


def test_a_python_without_the_converter_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(PYTHON_VARIABLE, sys.executable)
    with pytest.raises(WorkloadError, match=r"converter .* failed: .*litert_torch"):
        to_tflite(tiny_cnn().eval(), IMAGES[:1])


def test_a_missing_extra_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "ai_edge_quantizer", None)
    with pytest.raises(TargetError, match=r"pip install 'edgeprune\[tflite\]'"):
        open_format("tflite", LOCAL)
    monkeypatch.setitem(sys.modules, "tvm", None)
    with pytest.raises(TargetError, match=r"pip install 'edgeprune\[tvm\]'"):
        open_format("tvm", LOCAL)
    open_format("onnx", LOCAL)
    with pytest.raises(ConfigError, match=r"unknown format 'tflit'.*did you mean 'tflite'"):
        open_format("tflit", LOCAL)


def test_setup_tells_of_parts_it_does_not_know_and_of_a_failure(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    with pytest.raises(ConfigError, match=r"unknown part 'tflight'; allowed: tflite; did you"):
        set_up("tflight")
    monkeypatch.setenv("EDGEPRUNE_CACHE", str(tmp_path))
    monkeypatch.setattr(sys, "executable", os.devnull)
    with pytest.raises(TargetError, match=r"making .* failed; `edgeprune setup tflite` tries"):
        set_up("tflite")
