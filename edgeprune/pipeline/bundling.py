"""Stage 7, the bundle: the result's files under their final names, and the manifest."""

import datetime
import platform
from pathlib import Path
from typing import Any

import torch

from edgeprune import __version__
from edgeprune.export import FILES
from edgeprune.files import sha256, write_atomic, write_json
from edgeprune.pipeline.contenders import BASELINES
from edgeprune.pipeline.goals import Goal
from edgeprune.pipeline.layers import layer_rows
from edgeprune.pipeline.run_directory import RunDirectory
from edgeprune.pipeline.session import Session

_SOURCES = {
    "model.onnx": "onnx",
    "plan.json": "plan.json",
    "weights.safetensors": "safetensors",
}


def write_bundle(
    session: Session,
    goal: Goal,
    contenders: dict[str, dict[str, Any]],
    artifacts: list[dict[str, Any]],
    ladder: list[dict[str, Any]],
) -> dict[str, Any]:
    """Write the bundle's files and its manifest.

    Args:
        session: the open run.
        goal: the run's own budget.
        contenders: the records of ``base``, ``result``, ``uniform``, ``filled`` and ``random``.
        artifacts: the records of lower precisions.
        ladder: a line for each regime of the search or budget of the run, where it had several.

    Returns:
        The manifest.
    """
    config, directory = session.config, session.directory
    files = copy_bundle(directory, "result", directory.path)
    before = session.space.template.base
    after = (directory.path / "model.onnx").read_bytes()
    profiles = [session.device.profile(content) for content in (before, after)]
    result = contenders["result"]
    manifest = {
        **manifest_head(session),
        "trials": config.search.trials if goal.probed.reachable else 0,
        "budget": {"text": goal.text, "ratio": goal.limit, "met": result["met"]},
        "files": files,
        "artifacts": artifacts,
        "ladder": ladder,
        "notes": _notes(session),
        "race": directory.record(goal.named("race")) or [],
        "widths": result["widths"],
        "full_widths": session.space.full,
        "base": contenders["base"] | {"latency": goal.probed.base},
        "result": result,
        "baselines": {name: contenders[name] for name in BASELINES},
        "groups": [
            {
                "name": group.name,
                "layers": list(group.layers),
                "channels": group.channels,
                "macs_share": group.macs_share,
                "fixed": group.fixed,
            }
            for group in session.space.groups
        ],
        "layers": layer_rows(before, after, *profiles),
    }
    write_json(directory.path / "manifest.json", manifest)
    return dict(directory.finish("bundle", manifest))


def _notes(session: Session) -> list[str]:
    """What a reader of the report must know of what was asked for and could not be done."""
    if not session.config.prune.blocks or session.space.branches:
        return []
    return ["No residual branch of this network may go: no blocks could be removed, only channels."]


def manifest_head(session: Session) -> dict[str, Any]:
    """What every manifest begins with: versions, model, target, host."""
    config = session.config
    return {
        "edgeprune": __version__,
        "created": datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds"),
        "seed": config.search.seed,
        "sampler": config.search.sampler,
        "granularity": config.prune.granularity,
        "model": config.workload.model.model_dump(mode="json", exclude={"weights"}),
        "target": {"name": config.target, **session.device.conditions()},
        "host": {
            "python": platform.python_version(),
            "torch": torch.__version__,
            "threads": torch.get_num_threads(),
        },
    }


def copy_bundle(directory: RunDirectory, contender: str, folder: Path) -> dict[str, Any]:
    """Copy a contender's files under their final names, and give their hashes and sizes."""
    files = {}
    for name in FILES:
        content = directory.contender(contender, _SOURCES[name]).read_bytes()
        write_atomic(folder / name, content)
        files[name] = {"sha256": sha256(folder / name), "bytes": len(content)}
    return files
