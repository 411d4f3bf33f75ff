"""The report: everything the page shows, read back from the run directory."""

import statistics
from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path

from edgeprune.errors import RunError
from edgeprune.joint import JointResult
from edgeprune.passwords import masked
from edgeprune.pipeline.clusters import read_clusters
from edgeprune.pipeline.contribution import contribution
from edgeprune.pipeline.deploying import deploy_commands
from edgeprune.pipeline.records import ArtifactRecord, Finished, Manifest
from edgeprune.pipeline.row_names import row_names
from edgeprune.pipeline.run_directory import RunDirectory
from edgeprune.report import Row, Summary, Target, Trial, write_report
from edgeprune.report.boards import BoardRow
from edgeprune.report.classes import ClassAccuracy
from edgeprune.report.course import Clusters, JointEpoch
from edgeprune.report.curves import Curves as CurvesShown
from edgeprune.report.summary import ROLES, Artifact
from edgeprune.search import SearchTrial, SetAside, read_entries
from edgeprune.sensitivity import Curves
from edgeprune.tasks import Metric

_TARGET = ("name", "runtime", "version", "cpu", "threads", "clock")


def write_run_report(directory: RunDirectory) -> Path:
    """Write the HTML page of a finished run.

    Raises:
        RunError: the run has not finished.
    """
    directory.check()
    manifest = directory.record("bundle", Manifest)
    if manifest is None:
        msg = (
            f"{directory.path} has not finished, so there is nothing to report yet: "
            f"`edgeprune resume {directory.path}` goes on with it"
        )
        raise RunError(msg)
    write_report(_summary(directory, manifest), directory.report)
    return directory.report


def _summary(directory: RunDirectory, manifest: Manifest) -> Summary:
    entries = {name: read_entries(directory.path / name) for name in ("search", "random")}
    trials = {
        name: [one for one in found if isinstance(one, SearchTrial)]
        for name, found in entries.items()
    }
    aside = [one for found in entries.values() for one in found if isinstance(one, SetAside)]
    known = {key: manifest.target[key] for key in _TARGET if key in manifest.target}
    curves = directory.record("curves", Curves)
    counts = {name: len(found) for name, found in trials.items()}
    return Summary(
        title=directory.path.name,
        created=manifest.created,
        version=manifest.edgeprune,
        seed=manifest.seed,
        pipeline=masked(directory.pipeline.read_text(encoding="utf-8")),
        target=Target(**known),
        budget=manifest.budget,
        rows=tuple(_rows(manifest, counts, row_names(directory.path, manifest))),
        trials=tuple(
            _trial(trial, name, manifest) for name, found in trials.items() for trial in found
        ),
        granularity=manifest.granularity,
        groups=manifest.groups,
        layers=manifest.layers,
        seconds=_median_seconds(trials["search"]),
        verification=manifest.result.verification,
        artifacts=tuple(map(_artifact, manifest.artifacts)),
        clusters=tuple(Clusters(**one) for one in read_clusters(directory.path / "search")),
        past=contribution(directory, trials["search"]),
        joint=tuple(_joint(directory)),
        ladder=manifest.ladder,
        race=manifest.race,
        curves=None if curves is None else CurvesShown(**asdict(curves)),
        notes=(*_notes(manifest), *_set_aside(aside)),
        classes=tuple(_classes(manifest)),
        boards=tuple(_boards(manifest)),
        judged=manifest.judged,
        directory=str(directory.path),
        deploy=deploy_commands(directory),
    )


def _classes(manifest: Manifest) -> Iterator[ClassAccuracy]:
    """None where the bundle was made by a version that did not count them."""
    before, after = (one.verification.by_class for one in (manifest.base, manifest.result))
    for name, (images, first), (_, second) in zip(
        manifest.class_names, before, after, strict=False
    ):
        if images:
            yield ClassAccuracy(name, images, first / images, second / images)


def _boards(manifest: Manifest) -> Iterator[BoardRow]:
    """Of a pool: what each measured of the result, and how it did in the whole run."""
    found = {one.board: one for one in manifest.result.boards or ()}
    for board in manifest.target.get("boards", ()):
        one = found.get(board["name"])
        yield BoardRow(
            name=board["name"],
            measured=board["measured"],
            errors=board["errors"],
            ratio=None if one is None else one.ratio,
            ratio_interval=None if one is None else one.ratio_interval,
            latency_ms=None if one is None else one.latency_ms,
            baseline_ms=None if one is None else one.baseline_ms,
            last_error=board["last_error"],
        )


def _notes(manifest: Manifest) -> list[str]:
    """What the reader must know before any number."""
    notes, measured = list(manifest.notes), manifest.result.candidate
    conditions = {} if measured is None else measured.conditions
    if untuned := len(conditions.get("untuned", ())):
        notes.append(
            f"{untuned} kernels without a tuned schedule: TVM runs those 50 to 100 times slower "
            "than it could, and these latencies say nothing about the model."
        )
    if conditions.get("precision") == "int8":
        notes.append(
            "Latencies are those of int8 files, the base model's among them; accuracies in the "
            "search are of int8 files too. The table's accuracies are of float32 files: those of "
            "int8 stand under Artifacts."
        )
    return notes


def _set_aside(candidates: list[SetAside]) -> list[str]:
    """That some candidates have no outcome, and why."""
    if not candidates:
        return []
    count = len(candidates)
    were = "1 candidate was" if count == 1 else f"{count} candidates were"
    return [
        f"{were} set aside in the searches, because the device failed to measure "
        f"{'it' if count == 1 else 'them'}, and counted for nothing. The last reason: "
        f"{candidates[-1].reason}"
    ]


def _joint(directory: RunDirectory) -> list[JointEpoch]:
    """Training and pruning together, epoch by epoch: a round of the agent comes after an epoch."""
    found = directory.record("joint", JointResult)
    if found is None:
        return []
    rounds = [one for one in found.rounds if one.decoder_error is not None]
    with_turn = [one.epoch for one in found.epochs if one.incumbent is not None]
    turns = dict(zip(with_turn, rounds, strict=False))
    return [
        JointEpoch(
            epoch=one.epoch,
            dense=one.dense,
            pruned=one.incumbent,
            to_cut=one.to_cut,
            tried=turns[one.epoch].mean if one.epoch in turns else None,
            decoder_error=turns[one.epoch].decoder_error if one.epoch in turns else None,
        )
        for one in found.epochs
    ]


def _rows(manifest: Manifest, trials: dict[str, int], names: dict[str, str]) -> Iterator[Row]:
    records = {"base": manifest.base, "result": manifest.result, **manifest.baselines}
    for role in ROLES[manifest.granularity]:
        record = records[role]
        measured = record.candidate
        assert measured is not None  # of all that are in a bundle
        yield Row(
            name=names[role],
            role=role,
            accuracy=record.verification.accuracy,
            median_ms=measured.median_ms,
            interval_ms=measured.interval_ms,
            ratio=record.ratio,
            ratio_interval=record.ratio_interval,
            macs=record.macs,
            parameters=record.parameters,
            bytes=record.bytes,
            trials={"result": trials["search"], "random": trials["random"]}.get(role),
            density=record.density,
            compressed=record.compressed,
            sparse_bytes=record.sparse_bytes,
            note=_note(record, manifest.budget.ratio),
            also=_also(record, manifest),
        )


def _also(record: Finished, manifest: Manifest) -> dict[str, str]:
    """The metrics beside the score, which comes first."""
    others = list(record.verification.metrics.items())[1:]
    return {name: Metric(name, manifest.units.get(name, "")).shown(value) for name, value in others}


def _note(record: Finished, limit: float) -> str:
    """Why it misses the budget."""
    if record.met:
        return ""
    lossy = record.lost is not None and record.cost <= limit
    return f"loses {record.lost:.1f} points" if lossy else "over the budget"


def _trial(trial: SearchTrial, search: str, manifest: Manifest) -> Trial:
    outcome = trial.outcome
    contender = manifest.result if search == "search" else manifest.baselines["random"]
    return Trial(
        number=trial.number,
        # The user's own search may be random search too: two searches, two names.
        sampler=manifest.sampler if search == "search" else "random (comparison)",
        accuracy=outcome.accuracy,
        ratio=outcome.latency_ratio,
        latency_ms=outcome.latency_ms,
        macs=outcome.macs,
        reward=trial.reward,
        feasible=outcome.cost <= manifest.budget.ratio,
        finalist=trial.number in contender.finalists,
        density=outcome.density,
        predicted=outcome.details.get("predicted_ratio"),
        interval=outcome.details.get("predicted_interval"),
    )


def _artifact(record: ArtifactRecord) -> Artifact:
    found, notes = record.verification, list(record.lint["warnings"])
    if record.not_timed is not None:
        notes.append(f"not timed: {record.not_timed}")
    if record.verified_on is not None:
        notes.append(f"run over the test images: {record.verified_on}")
    if record.first_try is not None:
        noisiest = (record.noisiest_db or {}).items()
        worst = ", ".join(f"{name} {value:.1f} dB" for name, value in noisiest)
        notes.append(f"second try: the first {record.first_try.reason}; noisiest layers: {worst}")
    if record.second_try is not None:
        notes.append(
            f"third try: the second {record.second_try.reason}; trained for int8 in "
            f"{record.qat_epochs} epochs"
        )
    return Artifact(
        path=record.path or "not written",
        format=record.format,
        precision=record.precision,
        kept=record.kept,
        reason=record.reason,
        bytes=record.bytes,
        accuracy=None if found is None else found.accuracy,
        agreement=None if found is None else found.top1_agreement,
        ratio=record.ratio,
        calibration=record.calibration,
        notes=tuple(notes),
    )


def _median_seconds(trials: list[SearchTrial]) -> dict[str, float]:
    steps = trials[0].seconds if trials else {}
    return {step: statistics.median(trial.seconds[step] for trial in trials) for step in steps}
