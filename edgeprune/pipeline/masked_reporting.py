"""The report of a run of single weights: what its page shows, read back from the run directory."""

from pathlib import Path
from typing import Any

from edgeprune.pipeline.masked import trial_density
from edgeprune.pipeline.run_directory import RunDirectory
from edgeprune.report.masked import MaskedSummary, write_masked_report
from edgeprune.search import read_trials

_NAMES = {
    "base": "base model",
    "result": "edgeprune",
    "magnitude": "global magnitude",
    "uniform": "uniform density",
    "random": "random search, same trials",
}


def write_masked_run_report(
    directory: RunDirectory,
    manifest: dict[str, Any],
    target: dict[str, Any],
    artifacts: list[dict[str, Any]],
) -> Path:
    """Write the HTML page of a finished run of single weights.

    Args:
        directory: of the run.
        manifest: the record of its bundle.
        target: where latency was measured, as the page shows it.
        artifacts: other formats and precisions, as the page shows them.
    """
    trials = {name: read_trials(directory.path / name) for name in ("search", "random")}
    counts = {"result": len(trials["search"]), "random": len(trials["random"])}
    records = {"base": manifest["base"], "result": manifest["result"], **manifest["baselines"]}
    limit = manifest["budget"]["ratio"]
    samplers = {"search": manifest["sampler"], "random": "random (comparison)"}
    summary = MaskedSummary.from_json(
        {
            "title": directory.path.name,
            "created": manifest["created"],
            "version": manifest["edgeprune"],
            "seed": manifest["seed"],
            "pipeline": directory.pipeline.read_text(),
            "target": target,
            "budget": manifest["budget"],
            "rows": [
                _row(role, record, manifest["sampler"], counts.get(role))
                for role, record in records.items()
            ],
            "trials": [
                {
                    "number": trial.number,
                    "sampler": samplers[name],
                    "accuracy": trial.outcome.accuracy,
                    "density": trial_density(trial),
                    "within": trial_density(trial) <= limit,
                }
                for name, found in trials.items()
                for trial in found
            ],
            "layers": manifest["layers"],
            "verification": manifest["result"]["verification"],
            "artifacts": artifacts,
            "ladder": manifest["ladder"],
        }
    )
    return write_masked_report(summary, directory.report)


def _row(role: str, record: dict[str, Any], sampler: str, trials: int | None) -> dict[str, Any]:
    latency = record.get("candidate") or record["latency"]
    return {
        "name": _name(role, record, sampler),
        "role": role,
        "accuracy": record["verification"]["accuracy"],
        "density": record["density"],
        "parameters": record["parameters"],
        "latency_ms": latency["median_ms"],
        "ratio": record.get("ratio", 1.0),
        "bytes": record["bytes"],
        "compressed": record["compressed"],
        "sparse_bytes": record.get("sparse_bytes"),
        "trials": trials,
    }


def _name(role: str, record: dict[str, Any], sampler: str) -> str:
    if role != "result":
        return _NAMES[role]
    # The search's best may lose to global magnitude once both are fine-tuned; then that is handed
    # over, and the page says so.
    chosen = sampler if record["chosen"] == "searched" else f"{sampler}; global magnitude was taken"
    return f"{_NAMES[role]} ({chosen})"
