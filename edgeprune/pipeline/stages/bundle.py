"""The bundle: the result's files under their final names, and the manifest."""

import datetime
import platform
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import torch

from edgeprune import __version__
from edgeprune.config.amounts import NAMES
from edgeprune.devices import DevicePool
from edgeprune.devices.pool.status import status_of
from edgeprune.export import FILES
from edgeprune.export.manifest import FileEntry
from edgeprune.files import deflated, sha256, write_atomic
from edgeprune.pipeline.amounts import amounts, unreachable
from edgeprune.pipeline.field import BASELINES, Field
from edgeprune.pipeline.goals import Goal
from edgeprune.pipeline.layers import layer_rows
from edgeprune.pipeline.records import ArtifactRecord, Finished, Manifest, Race
from edgeprune.pipeline.run_directory import RunDirectory
from edgeprune.pipeline.session import Session
from edgeprune.pruning import Part
from edgeprune.records import write_record
from edgeprune.report import Budget, Group, Layer
from edgeprune.report.judged import Judged
from edgeprune.report.ladder import Rung
from edgeprune.report.limits import Limited
from edgeprune.report.numbers import points_noun

#: The file with sparse initialisers, beside ``model.onnx``; written where it is smaller.
SPARSE = "model.sparse.onnx"
_SOURCES = {
    "model.onnx": "onnx",
    "plan.json": "plan.json",
    "weights.safetensors": "safetensors",
}


def write_bundle(
    session: Session,
    goal: Goal,
    contenders: Mapping[str, Finished],
    artifacts: Sequence[ArtifactRecord],
    ladder: Sequence[Rung],
) -> Manifest:
    """Write the bundle's files and its manifest.

    Args:
        session: the open run.
        goal: the run's own budget.
        contenders: the records of ``base``, ``result`` and the baselines.
        artifacts: the records of lower precisions.
        ladder: a line for each regime of the search or budget of the run, where it had several.

    Returns:
        The manifest.
    """
    config, directory = session.config, session.directory
    files = copy_bundle(directory, "result", directory.path)
    before, base, result = session.template.base, contenders["base"], contenders["result"]
    if result.sparse_bytes is not None and result.sparse_bytes < result.bytes:
        files |= copy_files(directory, "result", directory.path, {SPARSE: "sparse.onnx"})
    after = (directory.path / "model.onnx").read_bytes()
    of_base: dict[str, Any] = {"candidate": goal.probed.base or result.baseline}
    if session.counted is not None:  # 0.1 did not count the base
        of_base |= {"density": session.density(before), "compressed": deflated(before)}
    base = base.model_copy(update=of_base)
    raced = directory.record(goal.named("race"), Race) or Race()
    parts = session.space.describe(result.widths)
    manifest = Manifest(
        **manifest_head(session),
        trials=config.search.trials if goal.probed.reachable and not unreachable(session) else 0,
        budget=asked(session, goal, result),
        files=files,
        artifacts=tuple(artifacts),
        ladder=tuple(ladder),
        notes=(*_notes(session), *_unmeasured(session, goal)),
        class_names=session.workload.class_names,
        race=raced.with_winner(result.found_by),
        widths=result.widths,
        full_widths={one.name: one.size for one in parts if one.fixed is None},
        base=base,
        result=result,
        baselines={name: contenders[name] for name in BASELINES[config.prune.granularity]},
        groups=_groups(session, parts, contenders),
        layers=_layers(session, before, after),
    )
    write_record(directory.path / "manifest.json", manifest)
    return directory.finish("bundle", manifest)


def asked(session: Session, goal: Goal, result: Finished) -> Budget:
    """What was asked of a result, and whether it holds."""
    budget, text = session.config.budget, goal.text
    limited = _limited(session, result)
    others = [f"{NAMES[one.name]} {one.text}" for one in limited]
    text = ", ".join([text, *others]) if budget.latency_text else text
    if budget.accuracy_drop is not None:
        noun = points_noun(budget.accuracy_drop / 100)
        lost = f"at most {budget.accuracy_drop:g} {noun} lost"
        text = f"{text} (the fastest with {lost})" if budget.seeks else f"{text} with {lost}"
    return Budget(text, goal.limit, result.met, limited)


def _limited(session: Session, result: Finished) -> tuple[Limited, ...]:
    """The budgets beside latency, with what the result takes of each."""
    wanted = session.config.budget.amounts
    if not wanted:
        return ()
    known, taken = amounts(session), result.amounts or {}
    return tuple(
        Limited(name, one.text, known.limits[name], known.base[name], taken[name])
        for name, one in wanted.items()
    )


def _groups(
    session: Session, parts: Sequence[Part], contenders: Mapping[str, Finished]
) -> tuple[Group, ...]:
    beside = {}
    if "magnitude" in contenders:
        plan = session.space.describe(contenders["magnitude"].widths)
        beside = {part.name: part.kept for part in plan}
    return tuple(
        Group(
            *(part.name, part.layers, part.size, part.kept, part.macs_share, part.fixed),
            beside=beside.get(part.name),
        )
        for part in parts
    )


def _layers(session: Session, before: bytes, after: bytes) -> tuple[Layer, ...]:
    """Latency layer by layer, which zeros do not change."""
    if session.counted is not None:
        return ()
    profiles = [session.profile(content) for content in (before, after)]
    return layer_rows(before, after, *profiles)


def _notes(session: Session) -> tuple[str, ...]:
    """What a reader of the report must know of what was asked for and could not be done."""
    if session.counted or not session.config.prune.blocks or session.channels.branches:
        return ()
    return (
        "No residual branch of this network may go: no blocks could be removed, only channels.",
    )


def _unmeasured(session: Session, goal: Goal) -> Iterator[str]:
    """Who would have raced, had the device measured it."""
    field = session.directory.record(goal.named("contenders"), Field)
    for who, why in () if field is None else field.unmeasured.items():
        yield (
            f"{who} did not race for being the result, because the device failed to measure it: "
            f"{why}"
        )


def manifest_head(session: Session) -> dict[str, Any]:
    """What every manifest begins with: versions, model, target, host."""
    config, task = session.config, session.workload.task
    return {
        "edgeprune": __version__,
        "created": datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds"),
        "seed": config.search.seed,
        "sampler": config.finder,
        "granularity": config.prune.granularity,
        "task": config.workload.task,
        "judged": Judged(task.score.called, task.score.counted, task.by_class_of),
        "units": {one.name: one.unit for one in task.metrics},
        "model": config.workload.model.model_dump(mode="json", exclude={"weights"}),
        "target": {
            "name": ", ".join(config.targets),
            **session.device.conditions(),
            **_pool(session),
        },
        "host": {
            "python": platform.python_version(),
            "torch": torch.__version__,
            "threads": torch.get_num_threads(),
        },
    }


def _pool(session: Session) -> dict[str, Any]:
    """The boards, where there are several: how each did."""
    if not isinstance(session.device, DevicePool):
        return {}
    return {"boards": [vars(line) for line in status_of(session.device).boards]}


def copy_bundle(directory: RunDirectory, contender: str, folder: Path) -> dict[str, FileEntry]:
    """Copy a contender's files under their final names, and give their hashes and sizes."""
    return copy_files(directory, contender, folder, {name: _SOURCES[name] for name in FILES})


def copy_files(
    directory: RunDirectory, contender: str, folder: Path, names: Mapping[str, str]
) -> dict[str, FileEntry]:
    """Copy some of a contender's files.

    Args:
        directory: of the run.
        contender: its name.
        folder: where they go.
        names: suffix in ``contenders/`` by final name.

    Returns:
        Hash and size by final name.
    """
    files = {}
    for name, suffix in names.items():
        content = directory.contender(contender, suffix).read_bytes()
        write_atomic(folder / name, content)
        files[name] = FileEntry(sha256=sha256(folder / name), bytes=len(content))
    return files
