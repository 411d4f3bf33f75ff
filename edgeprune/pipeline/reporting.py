"""Stage 8, the report: everything the page shows, read back from the run directory."""

import statistics
from pathlib import Path
from typing import Any

from edgeprune.errors import RunError
from edgeprune.pipeline.clusters import read_clusters
from edgeprune.pipeline.contribution import contribution
from edgeprune.pipeline.run_directory import RunDirectory
from edgeprune.report import Summary, write_report
from edgeprune.search import SearchTrial, read_trials

_NAMES = {
    "base": "base model",
    "result": "edgeprune",
    "magnitude": "global magnitude",
    "uniform": "uniform-L1, same latency",
    "filled": "uniform-L1, filled",
    "random": "random search, same trials",
}

_TARGET = ("name", "runtime", "version", "cpu", "threads", "clock")


def write_run_report(directory: RunDirectory) -> Path:
    """Write the HTML page of a finished run.

    Raises:
        RunError: the run has not finished.
    """
    directory.check()
    manifest = directory.record("bundle")
    if manifest is None:
        msg = (
            f"{directory.path} has not finished, so there is nothing to report yet: "
            f"`edgeprune resume {directory.path}` goes on with it"
        )
        raise RunError(msg)
    write_report(_summary(directory, manifest), directory.report)
    return directory.report


def _summary(directory: RunDirectory, manifest: dict[str, Any]) -> Summary:
    trials = {name: read_trials(directory.path / name) for name in ("search", "random")}
    pipeline = directory.pipeline
    return Summary.from_json(
        {
            "title": directory.path.name,
            "created": manifest["created"],
            "version": manifest["edgeprune"],
            "seed": manifest["seed"],
            "pipeline": pipeline.read_text(),
            "target": _target(manifest),
            "budget": manifest["budget"],
            "rows": _rows(manifest, {name: len(found) for name, found in trials.items()}),
            "trials": [
                _trial(trial, name, manifest) for name, found in trials.items() for trial in found
            ],
            "granularity": manifest["granularity"],
            "groups": _groups(manifest),
            "layers": manifest["layers"],
            "seconds": _median_seconds(trials["search"]),
            "verification": manifest["result"]["verification"],
            "artifacts": [_artifact(one) for one in manifest.get("artifacts", [])],
            "clusters": read_clusters(directory.path / "search"),
            "past": contribution(directory, trials["search"]),
            "joint": _joint(directory),
            "ladder": manifest.get("ladder", []),
            "race": _race(manifest),
            "curves": directory.record("curves"),
            "notes": _notes(manifest),
        }
    )


def _target(manifest: dict[str, Any]) -> dict[str, Any]:
    return {key: manifest["target"].get(key) for key in _TARGET}


def _notes(manifest: dict[str, Any]) -> list[str]:
    """What the reader must know before any number."""
    notes = list(manifest.get("notes", []))
    conditions = manifest["result"]["candidate"]["conditions"]
    if untuned := len(conditions.get("untuned", ())):
        notes.append(
            f"{untuned} kernels without a tuned schedule: TVM runs those 50 to 100 times slower "
            "than it could, and these latencies say nothing about the model."
        )
    if conditions["precision"] == "int8":
        notes.append(
            "Latencies are those of int8 files, the base model's among them; accuracies in the "
            "search are of int8 files too. The table's accuracies are of float32 files: those of "
            "int8 stand under Artifacts."
        )
    return notes


def _race(manifest: dict[str, Any]) -> list[dict[str, Any]]:
    """Every contender, and which one became the result."""
    return [
        {
            "name": one["found_by"],
            "scores": {int(epochs): score for epochs, score in one["reward_accuracy"].items()},
            "epochs": one["epochs"],
            "seconds": one["seconds"],
            "roles": one["roles"],
            "dropped_after": one["dropped_after"],
            "searched": one["name"].startswith("search-"),
            "chosen": one["found_by"] == manifest["result"]["found_by"],
        }
        for one in manifest.get("race", [])
    ]


def _joint(directory: RunDirectory) -> list[dict[str, Any]]:
    """Training and pruning together, epoch by epoch: a round of the agent comes after an epoch."""
    record = directory.record("joint")
    if record is None:
        return []
    rounds = [one for one in record["rounds"] if one["decoder_error"] is not None]
    with_turn = [one["epoch"] for one in record["epochs"] if one["incumbent"] is not None]
    turns = dict(zip(with_turn, rounds, strict=False))
    return [
        {
            "epoch": one["epoch"],
            "dense": one["dense"],
            "pruned": one["incumbent"],
            "to_cut": one["to_cut"],
            "tried": turns.get(one["epoch"], {}).get("mean"),
            "decoder_error": turns.get(one["epoch"], {}).get("decoder_error"),
        }
        for one in record["epochs"]
    ]


def _rows(manifest: dict[str, Any], trials: dict[str, int]) -> list[dict[str, Any]]:
    rows = []
    records = {"base": manifest["base"], "result": manifest["result"], **manifest["baselines"]}
    for key, record in records.items():
        name = _NAMES[key]
        if key == "uniform" and "density" in record:
            name = "uniform density"
        latency = record.get("candidate") or record["latency"]
        rows.append(
            {
                "name": f"{name} ({record['found_by']})" if key == "result" else name,
                "role": key,
                "accuracy": record["verification"]["accuracy"],
                "median_ms": latency["median_ms"],
                "interval_ms": latency["interval_ms"],
                "ratio": record.get("ratio", 1.0),
                "ratio_interval": record.get("ratio_interval", [1.0, 1.0]),
                "macs": record["macs"],
                "parameters": record["parameters"],
                "bytes": record["bytes"],
                "trials": {"result": trials["search"], "random": trials["random"]}.get(key),
                **{name: record.get(name) for name in ("density", "compressed", "sparse_bytes")},
                "note": "" if record.get("met", True) else "over the budget",
            }
        )
    return rows


def _groups(manifest: dict[str, Any]) -> list[dict[str, Any]]:
    return [
        {
            "name": group["name"],
            "layers": group["layers"],
            "before": group["size"],
            "after": group["kept"],
            "macs_share": group["macs_share"],
            "fixed": group["fixed"],
            "beside": group.get("magnitude"),
        }
        for group in manifest["groups"]
    ]


def _trial(trial: SearchTrial, search: str, manifest: dict[str, Any]) -> dict[str, Any]:
    outcome = trial.outcome
    contender = manifest["result"] if search == "search" else manifest["baselines"]["random"]
    # The user's own search may be random search too: two searches, two names.
    sampler = manifest["sampler"] if search == "search" else "random (comparison)"
    return {
        "number": trial.number,
        "sampler": sampler,
        "accuracy": outcome.accuracy,
        "ratio": outcome.latency_ratio,
        "latency_ms": outcome.latency_ms,
        "macs": outcome.macs,
        "reward": trial.reward,
        "feasible": outcome.cost <= manifest["budget"]["ratio"],
        "density": outcome.density,
        "finalist": trial.number in contender["finalists"],
        "predicted": outcome.details.get("predicted_ratio"),
    }


def _artifact(record: dict[str, Any]) -> dict[str, Any]:
    found = record.get("verification", {})
    notes = list(record["lint"]["warnings"])
    for key, words in (("not_timed", "not timed: "), ("verified_on", "run over the test images: ")):
        notes += [words + record[key]] if key in record else []
    if "first_try" in record:
        worst = ", ".join(f"{name} {value:.1f} dB" for name, value in record["noisiest_db"].items())
        notes.append(
            f"second try: the first {record['first_try']['reason']}; noisiest layers: {worst}"
        )
    if "second_try" in record:
        second, epochs = record["second_try"], record["qat_epochs"]
        notes.append(
            f"third try: the second {second['reason']}; trained for int8 in {epochs} epochs"
        )
    return {
        **{key: record[key] for key in ("format", "precision", "kept", "reason", "bytes")},
        "path": record["path"] or "not written",
        "accuracy": found.get("accuracy"),
        "agreement": found.get("top1_agreement"),
        "ratio": record.get("ratio"),
        "calibration": record.get("calibration"),
        "notes": notes,
    }


def _median_seconds(trials: list[SearchTrial]) -> dict[str, float]:
    steps = trials[0].seconds if trials else {}
    return {step: statistics.median(trial.seconds[step] for trial in trials) for step in steps}
