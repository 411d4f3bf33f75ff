"""Stage 7, the bundle: the result's files under their final names, and the manifest."""

import datetime
import platform
from typing import Any

import torch

from edgeprune import __version__
from edgeprune.export import FILES
from edgeprune.files import sha256, write_atomic, write_json
from edgeprune.pipeline.layers import layer_rows
from edgeprune.pipeline.probe import Probe
from edgeprune.pipeline.session import Session

_SOURCES = {
    "model.onnx": "onnx",
    "plan.json": "plan.json",
    "weights.safetensors": "safetensors",
}


def write_bundle(
    session: Session,
    probed: Probe,
    contenders: dict[str, dict[str, Any]],
    artifacts: list[dict[str, Any]],
) -> dict[str, Any]:
    """Write the bundle's files and its manifest.

    Args:
        session: the open run.
        probed: the budget as a ratio, and the base's latency.
        contenders: the records of ``base``, ``result``, ``uniform`` and ``random``.
        artifacts: the records of lower precisions.

    Returns:
        The manifest.
    """
    config, directory = session.config, session.directory
    for name in FILES:
        source = directory.contender("result", _SOURCES[name])
        write_atomic(directory.path / name, source.read_bytes())
    before = session.space.template.base
    after = (directory.path / "model.onnx").read_bytes()
    profiles = [session.device.profile(content) for content in (before, after)]
    result = contenders["result"]
    manifest = {
        "edgeprune": __version__,
        "created": datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds"),
        "seed": config.search.seed,
        "sampler": config.search.sampler,
        "trials": config.search.trials if probed.reachable else 0,
        "model": config.workload.model.model_dump(mode="json", exclude={"weights"}),
        "target": {"name": config.target, **session.device.conditions()},
        "host": {
            "python": platform.python_version(),
            "torch": torch.__version__,
            "threads": torch.get_num_threads(),
        },
        "budget": {"text": config.budget.text, "ratio": probed.budget, "met": result["met"]},
        "files": {
            name: {
                "sha256": sha256(directory.path / name),
                "bytes": (directory.path / name).stat().st_size,
            }
            for name in FILES
        },
        "artifacts": artifacts,
        "widths": result["widths"],
        "full_widths": session.space.full,
        "base": contenders["base"] | {"latency": probed.base},
        "result": result,
        "baselines": {name: contenders[name] for name in ("uniform", "random")},
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
