"""What a device is sent for an ONNX file: the file itself, or a library compiled from it."""

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from edgeprune.config import TargetConfig
from edgeprune.errors import TargetError
from edgeprune.folders import user_data


@dataclass(frozen=True)
class Artifact:
    """What is sent.

    Attributes:
        content: the bytes.
        facts: what a measurement of it must say; JSON-able.
    """

    content: bytes
    facts: dict[str, Any] = field(default_factory=dict)


#: How a library with its description begins.
_ZIP = b"PK"
#: Told what takes long.
Note = Callable[[str], None]


def quiet(_: str) -> None:
    """A note that nobody hears."""


def artifact_of(target: TargetConfig, model: bytes, note: Note = quiet) -> Artifact:
    """Make what a target's runtime takes.

    For TVM, kernels of the model that were never tuned for this target are tuned now: what was
    found before, for this model or another, is used again.

    Args:
        target: its profile.
        model: the model file; for TVM also a library with its description, as it is sent.
        note: told of every kernel that is tuned.

    Raises:
        TargetError: TVM or a compiler is missing, or kernels cannot be tuned.
        MeasurementError: the model cannot be compiled.
    """
    if target.runtime != "tvm":
        return Artifact(model)
    if model.startswith(_ZIP):
        from edgeprune.devices.tvm.library import header_of

        untuned = header_of(model)["untuned"]
        return Artifact(model, {"untuned": untuned} if untuned else {})
    from edgeprune.devices.tvm import compile_tuned, new_kernels, target_of, tune

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
    return Artifact(content, {"untuned": list(report.untuned)} if report.untuned else {})


def tuning_folder(target: dict[str, Any]) -> Path:
    """Where the tuned kernels of a TVM target are kept; they outlive runs and models.

    Args:
        target: TVM's target.
    """
    from edgeprune.devices.tvm import require_tvm
    from edgeprune.history.keys import digest

    return user_data() / "tvm" / digest({"tvm": require_tvm().__version__, "target": target})
