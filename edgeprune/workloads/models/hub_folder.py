"""The folder of a Hugging Face model: the user's own, or fetched into the hub's cache."""

import re
from pathlib import Path

from edgeprune.config.workload import HUGGING_FACE
from edgeprune.errors import WorkloadError, nearest
from edgeprune.plugins import told
from edgeprune.workloads.models.library import require_hub

_WHERE = "workload.model.name"
_ID = re.compile(r"[A-Za-z0-9][\w.-]*(/[A-Za-z0-9][\w.-]*)?")
_SETTINGS = ["config.json", "preprocessor_config.json"]
#: No pickles and no code are fetched.
_WEIGHTS = ["model.safetensors", "model-*.safetensors", "model.safetensors.index.json"]


def folder_of(name: str, *, weights: bool = False) -> Path:
    """Where the files of a model lie.

    Args:
        name: a folder (``./mine``, ``/models/mine``), or a hub's ``owner/name``.
        weights: whether they are needed too.

    Raises:
        WorkloadError: it is neither, files are missing, or they cannot be fetched.
    """
    if name.startswith((".", "/", "~")):
        return _checked(Path(name).expanduser(), name, weights=weights)
    if not _ID.fullmatch(name) or ".." in name:
        msg = (
            f"{_WHERE} is {HUGGING_FACE + name!r}; allowed: {HUGGING_FACE}OWNER/NAME, or "
            f"{HUGGING_FACE}./FOLDER"
        )
        raise WorkloadError(msg)
    return _checked(_fetched(name, weights=weights), name, weights=weights)


def _checked(folder: Path, name: str, *, weights: bool) -> Path:
    if not folder.is_dir():
        siblings = [one.name for one in folder.parent.glob("*") if one.is_dir()]
        msg = f"{_WHERE}: {HUGGING_FACE}{name} is no folder{nearest(folder.name, siblings)}"
        raise WorkloadError(msg)
    if not (folder / "config.json").is_file():
        msg = f"{_WHERE}: {folder} holds no model of transformers: config.json is missing"
        raise WorkloadError(msg)
    if weights and not _has_weights(folder):
        pickled = sorted(one.name for one in folder.glob("*.bin"))
        why = f" ({pickled[0]} is not loaded: a pickle can run code)" if pickled else ""
        msg = f"workload.model.weights: {HUGGING_FACE}{name} has no model.safetensors{why}"
        raise WorkloadError(msg)
    return folder


def _has_weights(folder: Path) -> bool:
    return any((folder / name).is_file() for name in (_WEIGHTS[0], _WEIGHTS[2]))


def _fetched(model_id: str, *, weights: bool) -> Path:
    try:
        from huggingface_hub import snapshot_download
    except ImportError as error:
        msg = f"{_WHERE}: {HUGGING_FACE}{model_id} needs an extra: pip install 'edgeprune[hf]'"
        raise WorkloadError(msg) from error
    wanted = _SETTINGS + (_WEIGHTS if weights else [])
    try:
        kept = Path(snapshot_download(model_id, allow_patterns=wanted, local_files_only=True))
    except Exception:  # not in the cache: the hub's own error, or one of its settings'
        kept = None
    if kept is not None and (kept / "config.json").is_file() and not (
        weights and not _has_weights(kept)
    ):  # fmt: skip
        return kept
    require_hub(model_id, _WHERE)
    try:
        return Path(snapshot_download(model_id, allow_patterns=wanted))
    except Exception as error:  # of HTTP libraries; a full disk
        msg = f"{_WHERE}: {HUGGING_FACE}{model_id} cannot be fetched: {told(error)}"
        raise WorkloadError(msg) from error
