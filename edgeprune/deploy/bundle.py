"""What a build starts from: a finished run whose files are the ones that were written."""

import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from edgeprune.deploy.generated import OnnxInterface
from edgeprune.errors import RunError
from edgeprune.export import read_manifest
from edgeprune.export.manifest import BundleManifest
from edgeprune.files import sha256


@dataclass(frozen=True)
class Bundle:
    """A run's bundle.

    Attributes:
        folder: the run directory.
        manifest: its manifest, whose files have been checked.
        interface: what its ONNX file takes and gives.
    """

    folder: Path
    manifest: BundleManifest
    interface: OnnxInterface

    @property
    def onnx(self) -> bytes:
        """The float32 ONNX file."""
        return (self.folder / "model.onnx").read_bytes()

    def copy(self, folder: Path) -> None:
        """Put the model's files into a folder: ``model.onnx``, and TFLite files that were kept.

        Raises:
            RunError: a file is missing or was changed.
        """
        shutil.copyfile(self.folder / "model.onnx", folder / "model.onnx")
        for record in self.manifest.artifacts:
            if record.kept and record.format == "tflite" and record.path is not None:
                # The name alone: a manifest cannot make us read outside its folder.
                path = self.folder / Path(record.path).name
                if not path.is_file() or sha256(path) != record.sha256:
                    msg = f"{path} is missing or was changed after the run: its SHA-256 differs"
                    raise RunError(msg)
                shutil.copyfile(path, folder / path.name)


def open_bundle(folder: Path) -> Bundle:
    """Open the bundle of a finished run, and hold its files against their checksums.

    Args:
        folder: the run directory, or a folder with the bundle's files.

    Raises:
        RunError: there is no run, it has not finished, or a file was changed.
    """
    if (folder / "pipeline.yaml").is_file() and not (folder / "manifest.json").is_file():
        msg = f"the run in {folder} has not finished; finish it: edgeprune resume {folder}"
        raise RunError(msg)
    manifest = read_manifest(folder)
    return Bundle(folder, manifest, _interface(folder / "model.onnx"))


def _interface(path: Path) -> OnnxInterface:
    from edgeprune.export.verification import open_onnx

    session = open_onnx(path)
    inputs, outputs = session.get_inputs(), session.get_outputs()
    if len(inputs) != 1 or len(outputs) != 1:
        msg = f"{path} has {len(inputs)} inputs and {len(outputs)} outputs; a runner takes one each"
        raise RunError(msg)
    return OnnxInterface(
        inputs[0].name, outputs[0].name, _for_one(inputs[0].shape), _for_one(outputs[0].shape)
    )


def _for_one(shape: list[Any]) -> tuple[int, ...]:
    """Sizes for one image: those left open, as the batch is, are 1."""
    return tuple(size if isinstance(size, int) else 1 for size in shape)
