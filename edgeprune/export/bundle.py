"""The bundle: what a run hands over, and how to get the torch model back from it."""

from collections import OrderedDict
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from pydantic import ValidationError
from safetensors import SafetensorError
from safetensors.torch import load_file

from edgeprune.config import ModelConfig
from edgeprune.errors import RunError
from edgeprune.export.manifest import BundleManifest
from edgeprune.files import sha256
from edgeprune.pruning import load_plan
from edgeprune.records import read_record

if TYPE_CHECKING:
    from torch import nn

FILES = ("model.onnx", "plan.json", "weights.safetensors")


def read_manifest(folder: Path) -> BundleManifest:
    """Read a bundle's manifest and check that its files are the ones that were written.

    Args:
        folder: the run directory, or a folder with the bundle's files.

    Raises:
        RunError: there is no manifest, a file is missing or its SHA-256 differs.
    """
    path = folder / "manifest.json"
    if not path.is_file():
        msg = f"{folder} holds no bundle: manifest.json is missing (has the run finished?)"
        raise RunError(msg)
    manifest = read_record(path, BundleManifest)
    if missing := set(FILES) - set(manifest.files):
        msg = f"{path} is no edgeprune manifest: it lacks {', '.join(sorted(missing))}"
        raise RunError(msg)
    # The names are ours, not the manifest's: a bundle cannot make us read outside its folder.
    for name in FILES:
        digest = manifest.files[name].sha256
        if not (folder / name).is_file():
            msg = f"{folder} is incomplete: {name} is missing"
            raise RunError(msg)
        if (found := sha256(folder / name)) != digest:
            msg = (
                f"{folder / name} was changed after the run: "
                f"SHA-256 {found[:12]}…, manifest says {digest[:12]}…"
            )
            raise RunError(msg)
    return manifest


def load_bundle(
    path: str | Path, *, build: "Callable[[], nn.Module] | None" = None, trust: bool = False
) -> "nn.Module":
    """Rebuild the pruned torch model of a finished run, without pickles.

    Build the architecture, prune it by the plan, load the weights.

    Args:
        path: the run directory, or a folder with the bundle's files.
        build: makes the *unpruned* model; or, of models given as ``module:function``,
        trust: import and call what the bundle names, with its arguments, if `build` is not given.
            For bundles that you made: one from somebody else would run code of their choice.

    Returns:
        The pruned model in eval mode, its outputs bit-equal to the model that was saved.

    Raises:
        RunError: the bundle is incomplete or was changed, or `build` is needed or does not fit.
        UserError: what the bundle names cannot be imported, or makes no model.

    Examples:
        >>> model = load_bundle("runs/digits")  # doctest: +SKIP
        >>> from mynets import small  # doctest: +SKIP
        >>> model = load_bundle("runs/mine", build=lambda: small(20))  # doctest: +SKIP
        >>> model = load_bundle("runs/mine", trust=True)  # doctest: +SKIP
    """
    from edgeprune.workloads import build_model

    folder = Path(path)
    manifest = read_manifest(folder)
    if build is None:
        try:
            config = ModelConfig.model_validate(manifest.model)
        except ValidationError as error:
            msg = f"{folder / 'manifest.json'} names no model: {error}"
            raise RunError(msg) from error
        if config.names_code and not trust:
            msg = (
                f"the model of {folder} is {config.name!r}, own code: give it as "
                "load_bundle(path, build=...), or trust=True if you made this bundle"
            )
            raise RunError(msg)
        base = build_model(config)
    else:
        base = build()
    model = load_plan(folder / "plan.json").apply(base)
    try:
        return load_weights(model, folder / "weights.safetensors")
    except (RuntimeError, SafetensorError) as error:
        msg = f"the weights of {folder} do not fit the model it names: {error}"
        raise RunError(msg) from error


def load_weights(model: "nn.Module", path: Path) -> "nn.Module":
    """Load a safetensors file into a model of its shapes, and put it in eval mode.

    Args:
        model: changed in place.
        path: the file.

    Raises:
        RuntimeError: the weights do not fit (torch's own error).
        SafetensorError: the file is damaged (safetensors' own error).
    """
    # Some models (MNASNet) read a version from the metadata that a plain mapping lacks.
    weights = OrderedDict(load_file(path))
    weights._metadata = model.state_dict()._metadata  # type: ignore[attr-defined]
    model.load_state_dict(weights)
    return model.eval()
