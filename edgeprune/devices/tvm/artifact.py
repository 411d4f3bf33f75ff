"""What a device with TVM is sent for an ONNX file: a library compiled from it, kernels tuned."""

from pathlib import Path
from typing import Any

from edgeprune.config import TargetConfig
from edgeprune.devices.artifacts import Artifact, Note, quiet
from edgeprune.devices.tvm.compile import compile_tuned
from edgeprune.devices.tvm.database import ONE_KERNEL
from edgeprune.devices.tvm.host import require_tvm, target_of
from edgeprune.devices.tvm.library import header_of
from edgeprune.devices.tvm.tuning import new_kernels, tune
from edgeprune.errors import TargetError
from edgeprune.folders import user_data

#: How a library with its description begins.
_ZIP = b"PK"


def compiled(target: TargetConfig, model: bytes, note: Note = quiet) -> Artifact:
    """Compile a model for a target.

    Kernels of the model that were never tuned for this target are tuned now: what was found
    before, for this model or another, is used again.

    Args:
        target: its profile.
        model: an ONNX file, or a library with its description, as it is sent.
        note: told of every kernel that is tuned.

    Raises:
        TargetError: TVM or a compiler is missing, or kernels cannot be tuned.
        MeasurementError: the model cannot be compiled.
    """
    if model.startswith(_ZIP):
        return _artifact(model, header_of(model)["untuned"])
    own, config = target_of(target), target.tvm
    folder = tuning_folder(own)
    if not config.allow_untuned:
        alone = target.kind != "local" and config.rpc is None
        if alone and new_kernels(model, own, folder, config):
            msg = (
                f"target {target.name!r}: kernels of this model are not tuned for the device, and "
                "this machine cannot try them; lend the device through a TVM tracker (tvm.rpc in "
                "the profile), or set tvm.allow_untuned and the result is marked"
            )
            raise TargetError(msg)

        def progress(done: int, kernels: int, name: str) -> None:
            if name in missing:
                note(f"TVM tunes kernel {done + 1} of {kernels}: {name}")

        missing = {task.name for task in new_kernels(model, own, folder, config)}
        tune(model, own, folder, config, threads=target.threads, progress=progress)
    content, report = compile_tuned(
        model,
        own,
        folder,
        cross_compiler=config.cross_compiler,
        allow_untuned=config.allow_untuned,
    )
    return _artifact(content, report.untuned)


def tuning_folder(target: dict[str, Any]) -> Path:
    """Where the tuned kernels of a TVM target are kept; they outlive runs and models.

    Args:
        target: TVM's target.
    """
    from edgeprune.history.keys import digest

    made_by = {"tvm": require_tvm().__version__, "kernels": ONE_KERNEL}
    return user_data() / "tvm" / digest({**made_by, "target": target})


def _artifact(content: bytes, untuned: Any) -> Artifact:
    return Artifact(content, {"untuned": list(untuned)} if untuned else {})
