"""Trained weights from files, without running anything that a file contains."""

import pickle
import zipfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file
from torch import nn

from edgeprune.errors import WorkloadError, nearest
from edgeprune.plugins import told

State = dict[str, torch.Tensor]

#: Keys under which training scripts wrap the weights.
_WRAPPERS = ("state_dict", "model_state_dict", "model")
#: Bytes that show what kind of file it is.
_BEGIN = 64
#: What a file's tensors may take: so many bytes, and so many more for each byte of its own. Two
#: names may share one tensor.
_ALLOWANCE, _LARGEST_FACTOR = 16 << 20, 2
_SUFFIXES = (".pt", ".pth", ".safetensors")


def read_weights(path: Path) -> State:
    """Read a state dict.

    Args:
        path: ``.pt`` or ``.pth`` (loaded with ``weights_only=True``), or ``.safetensors``. The
            weights may lie under ``state_dict``, and names may start with ``module.``.

    Returns:
        Tensors on the CPU by parameter name.

    Raises:
        WorkloadError: the file is missing, damaged, holds other things than tensors (a pickled
            module, for one), or has a NaN or infinite weight.
    """
    if not path.is_file():
        what = "is a folder" if path.is_dir() else "does not exist"
        siblings = [each.name for each in path.parent.glob("*")] if path.parent.is_dir() else []
        hint = nearest(path.name, siblings)
        msg = f"workload.model.weights: {path} {what}; allowed: a {_allowed()} file{hint}"
        raise WorkloadError(msg)
    if path.suffix not in _SUFFIXES:
        msg = f"workload.model.weights: {path} ends in {path.suffix!r}; allowed: {_allowed()}"
        raise WorkloadError(msg)
    loaded = _read_safetensors(path) if path.suffix == ".safetensors" else _read_torch(path)
    state = _unwrapped(loaded, path)
    _refuse_views(state, path)
    for name, tensor in state.items():
        if tensor.is_floating_point() and not tensor.isfinite().all():
            msg = f"workload.model.weights: {path} has NaN or infinite values in {name}"
            raise WorkloadError(msg)
    return state


def load_weights(model: nn.Module, state: Mapping[str, torch.Tensor], source: str) -> None:
    """Put weights into a model, all of them or none.

    Args:
        model: gets the values; its own types are kept.
        state: tensors by parameter name. Counters of batch-norm may be missing: files from
            before they existed have none.
        source: what messages call the weights.

    Raises:
        WorkloadError: names or shapes differ; both sides are listed.
    """
    own = model.state_dict()
    missing = [
        name for name in own if name not in state and not name.endswith("num_batches_tracked")
    ]
    unexpected = [name for name in state if name not in own]
    other_shape = [
        f"{name} is {_shape(state[name])}, the model has {_shape(own[name])}"
        for name in own
        if name in state and state[name].shape != own[name].shape
    ]
    if missing or unexpected or other_shape:
        problems = [
            f"  {title} ({len(names)}): {_first(names)}"
            for title, names in (
                ("missing in the file", missing),
                ("not in the model", unexpected),
                ("another shape", other_shape),
            )
            if names
        ]
        hint = _hint(unexpected, other_shape)
        msg = "\n".join([f"the weights of {source} do not fit the model:", *problems, *hint])
        raise WorkloadError(msg)
    model.load_state_dict(state, strict=False)


def _refuse_bomb(path: Path) -> None:
    """A checkpoint is a ZIP file, stored as it is; one that unpacks to more was made to do harm.

    Raises:
        WorkloadError: it is one.
    """
    if not zipfile.is_zipfile(path):
        return
    try:
        with zipfile.ZipFile(path) as archive:
            whole = sum(entry.file_size for entry in archive.infolist())
    except (zipfile.BadZipFile, OSError, ValueError, NotImplementedError):
        return  # torch says what is wrong with it
    _refuse_larger(path, whole)


def _refuse_views(state: State, path: Path) -> None:
    """One number can be read as a tensor of any size; what is done with it would fill the memory.

    Raises:
        WorkloadError: the tensors are larger than the file that they come from.
    """
    sizes = (tensor.numel() * tensor.element_size() for tensor in state.values())
    _refuse_larger(path, sum(sizes))


def _refuse_larger(path: Path, found: int) -> None:
    limit = _ALLOWANCE + _LARGEST_FACTOR * path.stat().st_size
    if found > limit:
        msg = (
            f"workload.model.weights: {path} is refused: its {path.stat().st_size:,} bytes stand "
            f"for {found:,}; allowed: {limit:,}"
        )
        raise WorkloadError(msg)


def _read_safetensors(path: Path) -> Any:
    try:
        return load_file(path)
    except (SafetensorError, OSError) as error:
        msg = f"workload.model.weights: {path} is no safetensors file: {error}"
        raise WorkloadError(msg) from error


def _read_torch(path: Path) -> Any:
    with path.open("rb") as file:
        begin = file.read(_BEGIN)
    if not begin.strip():
        msg = f"workload.model.weights: {path} is empty"
        raise WorkloadError(msg)
    if begin.lstrip().startswith((b"<", b"{")):
        msg = (
            f"workload.model.weights: {path} is text ({begin.lstrip()[:20].decode('latin-1')!r}…), "
            "no weights: was a web page saved in place of the file?"
        )
        raise WorkloadError(msg)
    _refuse_bomb(path)
    try:
        return torch.load(path, map_location="cpu", weights_only=True)
    except pickle.UnpicklingError as error:
        msg = (
            f"workload.model.weights: {path} holds pickled Python objects, which are not loaded "
            "because they can run code. Save only the weights, where the file comes from: "
            "torch.save(model.state_dict(), path)"
        )
        raise WorkloadError(msg) from error
    except Exception as error:  # a damaged file raises whatever its damaged part leads to
        msg = (
            f"workload.model.weights: {path} is damaged or no weights file: torch.load says "
            f"{told(error)}"
        )
        raise WorkloadError(msg) from error


def _unwrapped(loaded: Any, path: Path) -> State:
    for wrapper in _WRAPPERS:
        if isinstance(loaded, Mapping) and isinstance(loaded.get(wrapper), Mapping):
            loaded = loaded[wrapper]
            break
    if not isinstance(loaded, Mapping) or not loaded:
        msg = (
            f"workload.model.weights: {path} holds a {type(loaded).__name__}"
            f"{' that is empty' if isinstance(loaded, Mapping) else ''}; "
            "allowed: a state dict, tensors by parameter name"
        )
        raise WorkloadError(msg)
    for name, value in loaded.items():
        if not isinstance(name, str) or not isinstance(value, torch.Tensor):
            msg = (
                f"workload.model.weights: {path} has a {type(value).__name__} under {name!r}; "
                f"allowed: a state dict of tensors, by itself or under {' or '.join(_WRAPPERS)}"
            )
            raise WorkloadError(msg)
    # Left by nn.DataParallel, around every name or none.
    if all(name.startswith("module.") for name in loaded):
        return {name.removeprefix("module."): value for name, value in loaded.items()}
    return dict(loaded)


def _hint(unexpected: list[str], other_shape: list[str]) -> list[str]:
    if any(".shortcut.0.weight" in name for name in unexpected):
        return ["  the file has 1x1 convolutions as shortcuts: set workload.model.shortcut: B"]
    if other_shape and not unexpected and len(other_shape) <= 2:
        return ["  if only the number of classes differs, set workload.model.num_classes"]
    return []


def _first(names: list[str], shown: int = 5) -> str:
    more = f", … {len(names) - shown} more" if len(names) > shown else ""
    return ", ".join(names[:shown]) + more


def _shape(tensor: torch.Tensor) -> str:
    return "x".join(str(size) for size in tensor.shape) or "a scalar"


def _allowed() -> str:
    return f"{', '.join(_SUFFIXES[:-1])} or {_SUFFIXES[-1]}"
