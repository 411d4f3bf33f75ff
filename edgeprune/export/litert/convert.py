"""From a torch model to a float32 TFLite file."""

import json
import subprocess
import tempfile
from pathlib import Path
from typing import Any

import torch
from torch import nn

from edgeprune.errors import TargetError, WorkloadError
from edgeprune.export.litert.environment import converter_python

_PROGRAM = Path(__file__).with_name("program.py")
#: Modules that a message repeats.
_TOLD = 3


def to_tflite(model: nn.Module, example: torch.Tensor) -> tuple[bytes, str]:
    """Convert a model; the file takes one image, channels last, as cameras and kernels have them.

    Args:
        model: in eval mode, takes (N, C, H, W) float32.
        example: one image, (1, C, H, W) float32.

    Returns:
        The file, and the converter's version.

    Raises:
        TargetError: the converter is not installed.
        WorkloadError: torch cannot export the model, or the converter does not know one of its
            operators, which is named with its module.
    """
    python = converter_python()
    with tempfile.TemporaryDirectory(prefix="edgeprune-tflite-") as name:
        folder = Path(name)
        program, output, answer = (folder / one for one in ("in.pt2", "out.tflite", "found.json"))
        wrapped = _ChannelsLast(model).eval()
        try:
            exported = torch.export.export(wrapped, (example.permute(0, 2, 3, 1).contiguous(),))
            torch.export.save(exported, program)
        except Exception as error:  # a model's own code may raise anything
            msg = f"torch cannot export the model: {type(error).__name__}: {error}"
            raise WorkloadError(msg) from error
        # -I: neither the current folder nor PYTHONPATH may bring in other versions of packages.
        argv = [str(python), "-I", str(_PROGRAM), *map(str, (program, output, answer))]
        try:
            done = subprocess.run(argv, capture_output=True, text=True, check=False)
        except OSError as error:
            msg = f"the TFLite converter {python} cannot be started: {error.strerror}"
            raise TargetError(msg) from error
        if not answer.is_file():
            said = next(iter(done.stderr.strip().splitlines()[-1:]), f"exit {done.returncode}")
            msg = f"the TFLite converter {python} failed: {said}"
            raise WorkloadError(msg)
        found = json.loads(answer.read_text("utf-8"))
        if "error" in found:
            raise WorkloadError(_refusal(found))
        return output.read_bytes(), str(found["version"])


class _ChannelsLast(nn.Module):
    """Takes images channels last; the converter folds the change of layout into the network."""

    def __init__(self, model: nn.Module) -> None:
        super().__init__()
        self.model = model

    def forward(self, images: torch.Tensor) -> Any:
        return self.model(images.permute(0, 3, 1, 2))


def _refusal(found: dict[str, Any]) -> str:
    said = str(found["error"]).strip().splitlines()[0][:300]
    if "operator" not in found:
        return f"the TFLite converter cannot take the model: {said}"
    modules = [str(one).removeprefix("model.") for one in found["modules"]]
    where = ", ".join(modules[:_TOLD]) + (", …" if len(modules) > _TOLD else "")
    return (
        f"the TFLite converter does not know the operator {found['operator']} of module "
        f"{where or 'unknown'} ({said}); write that module with other operators"
    )
