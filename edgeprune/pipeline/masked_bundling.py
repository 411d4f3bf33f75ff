"""The bundle of a masked model: the same files as any, and one with sparse initialisers."""

from typing import Any

from edgeprune.files import sha256, write_atomic, write_json
from edgeprune.pipeline.bundling import copy_bundle, manifest_head
from edgeprune.pipeline.masked_finishing import MaskedSession, compressed

#: The file with sparse initialisers, beside ``model.onnx``; written where it is smaller.
SPARSE = "model.sparse.onnx"


def write_masked_bundle(
    run: MaskedSession,
    contenders: dict[str, dict[str, Any]],
    artifacts: list[dict[str, Any]],
    ladder: list[dict[str, Any]],
) -> dict[str, Any]:
    """Write the bundle's files and its manifest.

    Args:
        run: the open run.
        contenders: the records of ``base``, ``result``, ``magnitude``, ``uniform`` and ``random``.
        artifacts: the records of other formats and precisions.
        ladder: a line for each regime, where the search had several.

    Returns:
        The manifest.
    """
    session, directory = run.session, run.session.directory
    files = copy_bundle(directory, "result", directory.path)
    result = contenders["result"]
    if result["sparse_bytes"] < result["bytes"]:
        content = directory.contender("result", "sparse.onnx").read_bytes()
        write_atomic(directory.path / SPARSE, content)
        files[SPARSE] = {"sha256": sha256(directory.path / SPARSE), "bytes": len(content)}
    base = contenders["base"] | {
        "compressed": compressed(session.space.template.base),
        "density": 1.0,
        "latency": result["baseline"],
    }
    config = session.config
    manifest = {
        **manifest_head(session),
        "trials": config.search.trials,
        "budget": {"text": config.budget.text, "ratio": run.density, "met": result["met"]},
        "files": files,
        "artifacts": artifacts,
        "ladder": ladder,
        "widths": result["widths"],
        "base": base,
        "result": result,
        "baselines": {name: contenders[name] for name in ("magnitude", "uniform", "random")},
        "layers": [
            {
                "name": name,
                "weights": run.space.full[name],
                "kept": result["kept"][name],
                "magnitude": contenders["magnitude"]["kept"][name],
            }
            for name in run.space.layers
        ],
    }
    write_json(directory.path / "manifest.json", manifest)
    return dict(directory.finish("bundle", manifest))
