"""The finish of a contender: fine-tuned like all others, written, verified and measured."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import save

from edgeprune.devices import Comparison
from edgeprune.errors import RunError
from edgeprune.export import load_weights, verify_onnx
from edgeprune.export.formats import Source
from edgeprune.export.sparse import sparse_onnx
from edgeprune.files import deflated, write_atomic
from edgeprune.pipeline.amounts import held, shares
from edgeprune.pipeline.amounts import measured as measured_amounts
from edgeprune.pipeline.recipe import train
from edgeprune.pipeline.records import BoardLatency, Finished
from edgeprune.pipeline.session import Session
from edgeprune.pipeline.settling import Settler
from edgeprune.pruning import CandidatePlan, load_plan
from edgeprune.search import Widths

#: How often a fine-tuned result may be narrowed and tuned again when its latency misses.
MAX_ATTEMPTS = 3


def finish(
    session: Session,
    name: str,
    widths: Widths,
    limit: float,
    *,
    settler: Settler | None = None,
    finalists: Sequence[int] = (),
) -> Finished:
    """Fine-tune a contender's plan, write it, verify the file and measure it.

    Args:
        session: the open run.
        name: names its files.
        widths: it begins with.
        limit: largest cost as a ratio to the base.
        settler: where the written file misses the limit, narrows the plan, which is tuned again.
        finalists: numbers of the trials among which it was chosen.

    Returns:
        The contender's record, as kept in ``stages/``.
    """
    if (record := session.directory.record(name, Finished)) is not None:
        return record
    for attempt in range(MAX_ATTEMPTS):
        plan = session.plan(widths)
        model = session.recovery.recover(plan)
        checkpoint = session.directory.contender(f"{name}-{attempt}", "checkpoint")
        fine_tune(session, name, model, checkpoint, partial(plan.hold, model))
        comparison = session.compare_file(session.file(model, plan))
        used = shares(session, amounts_of_file(session, widths, session.file(model, plan)))
        if settler is None or held(comparison.ratio, used) <= limit:
            break
        narrower = settler.narrower(widths, comparison)
        if narrower == widths:
            break
        session.reporter.say(
            f"{name}: the written file takes {comparison.ratio:.3f}x, over {limit:.3f}x: narrowing"
        )
        widths = narrower
    record = finish_contender(
        session, name, plan, model, limit, {"finalists": tuple(finalists)}, comparison
    )
    for checkpoint in session.directory.path.glob(f"contenders/{name}-*.checkpoint"):
        checkpoint.unlink()
    return record


def finish_contender(
    session: Session,
    name: str,
    plan: CandidatePlan,
    model: torch.nn.Module,
    limit: float,
    facts: Mapping[str, Any],
    comparison: Comparison,
) -> Finished:
    """Write a tuned model under a contender's name, and verify the file on the test split.

    Args:
        session: the open run.
        name: names its files and its record.
        plan: the model's.
        model: fine-tuned.
        limit: largest cost as a ratio to the base.
        facts: what else its record says.
        comparison: the file's measurement.

    Returns:
        The record, as kept in ``stages/``.
    """
    written = write_contender(session, name, plan, model, session.file(model, plan))
    measured: dict[str, Any] = {
        "ratio": comparison.ratio,
        "ratio_interval": comparison.ratio_interval,
        "candidate": comparison.candidate,
        "baseline": comparison.baseline,
        "boards": _boards(comparison),
    }
    values = amounts_of_file(session, plan.widths, session.file(model, plan))
    if values:
        measured |= {"amounts": values, "used": shares(session, values)}
    record = written.model_copy(update={**facts, **measured})
    session.reporter.log(f"{name}: written, {record.cost:.4f}x of at most {limit:.4f}x")
    met = held(record.cost, record.used or {}) <= limit and _accurate(session, record)
    return session.directory.finish(name, record.model_copy(update={"met": met}))


def amounts_of_file(session: Session, widths: Widths, content: bytes) -> dict[str, float]:
    """What a float32 file takes beside latency, in the precision of the search."""
    if not session.config.budget.amounts:
        return {}
    return dict(measured_amounts(session, widths, session.own_form(content)))


def _boards(comparison: Comparison) -> tuple[BoardLatency, ...] | None:
    """What each board of a pool measured; None without one."""
    if comparison.board is None:
        return None
    return tuple(
        BoardLatency(
            board=str(one.board),
            device_id=one.candidate.conditions.get("device_id"),
            ratio=one.ratio,
            ratio_interval=one.ratio_interval,
            latency_ms=one.candidate.level_ms,
            baseline_ms=one.baseline.level_ms,
        )
        for one in comparison.each
    )


def copy_contender(session: Session, source: str, name: str, facts: Mapping[str, Any]) -> Finished:
    """Give a finished contender a second name: its files are neither scored nor measured again."""
    directory = session.directory
    sparse = () if session.counted is None else ("sparse.onnx",)
    for suffix in ("onnx", "safetensors", "plan.json", *sparse):
        content = directory.contender(source, suffix).read_bytes()
        write_atomic(directory.contender(name, suffix), content)
    session.reporter.log(f"{name}: written, the same as {source}")
    record = finished(session, source).model_copy(update={**facts, "name": name})
    met = record.met and _accurate(session, record)
    return directory.finish(name, record.model_copy(update={"met": met}))


def _accurate(session: Session, record: Finished) -> bool:
    """Whether a contender has lost no more accuracy than ``budget.accuracy_drop`` allows."""
    allowed = session.config.budget.accuracy_drop
    return allowed is None or record.lost is None or record.lost <= allowed


def finished(session: Session, name: str) -> Finished:
    """The record of a contender that has been finished.

    Raises:
        RunError: it has not.
    """
    record = session.directory.record(name, Finished)
    if record is None:
        msg = f"{session.directory.path} has no record of {name}: was stages/{name}.json removed?"
        raise RunError(msg)
    return record


def finished_source(session: Session, name: str) -> Source:
    """A contender that has been finished: its torch model and its files, from disk."""
    directory = session.directory
    # Its own plan: a baseline may keep other channels than the pipeline's criterion would.
    model = load_plan(directory.contender(name, "plan.json")).apply(session.workload.model)
    load_weights(model, directory.contender(name, "safetensors"))
    content = directory.contender(name, "onnx").read_bytes()
    files = {} if session.artifact is None else session.artifact.plain(content)
    return Source(model, content, session.workload.example_input, files)


@contextmanager
def telling(
    session: Session,
    name: str,
    epochs: int,
    on_epoch: Callable[[int, float], None] | None,
) -> Iterator[Callable[[int, float], None]]:
    """What is told of a contender's epochs: `on_epoch`, or a progress bar of its own."""
    if on_epoch is not None:
        yield on_epoch
        return
    with session.reporter.task(f"fine-tune {name}", epochs) as task:
        yield lambda epoch, loss: task.advance(note=f"loss {loss:.3f}")


def fine_tune(
    session: Session,
    name: str,
    model: torch.nn.Module,
    checkpoint: Path,
    after_step: Callable[[], None] | None = None,
    *,
    lr_share: float = 1.0,
    until: int | None = None,
    on_epoch: Callable[[int, float], None] | None = None,
) -> float:
    """Train a contender's model in place by the pipeline's recipe, the same for all of them.

    Args:
        session: the open run.
        name: the contender's.
        model: recovered; left in eval mode.
        checkpoint: its state after every epoch.
        after_step: called after every step.
        lr_share: of the recipe's learning rate; 0: nothing is trained.
        until: pause after that many epochs of the schedule; a later call goes on with it.
        on_epoch: told of every epoch and its loss, in place of a progress bar of its own.

    Returns:
        Seconds of the epochs done so far, in all processes.
    """
    recipe, seconds = session.config.finetune, 0.0
    if recipe.epochs and lr_share:
        with telling(session, name, recipe.epochs, on_epoch) as told:
            seconds = train(
                session,
                model,
                session.workload.splits.train,
                epochs=recipe.epochs,
                lr_share=lr_share,
                checkpoint=checkpoint,
                until=until,
                on_epoch=told,
                after_step=after_step,
            ).seconds
    model.eval()
    return seconds


def write_contender(
    session: Session, name: str, plan: CandidatePlan, model: torch.nn.Module, content: bytes
) -> Finished:
    """Write a model's files under a contender's name, and score the ONNX file on the test split."""
    directory, test = session.directory, session.workload.splits.test
    path, costs = directory.contender(name, "onnx"), session.space.costs(plan.widths)
    write_atomic(path, content)
    plan.save(directory.contender(name, "plan.json"))
    weights = {key: value.contiguous() for key, value in model.state_dict().items()}
    write_atomic(directory.contender(name, "safetensors"), save(weights))
    record = Finished(
        name=name,
        widths=plan.widths,
        macs=costs.macs,
        parameters=costs.parameters,
        bytes=len(session.own_form(content)),
        verification=verify_onnx(path, model, test, task=session.workload.task),
    )
    density = session.density(content)
    if density is None:
        return record
    sparse, path = sparse_onnx(content), directory.contender(name, "sparse.onnx")
    write_atomic(path, sparse)
    of_weights = {
        "density": density,
        "compressed": deflated(content),
        "sparse_bytes": len(sparse),
        "sparse_compressed": deflated(sparse),
        "sparse_verification": verify_onnx(path, model, test, task=session.workload.task),
    }
    return record.model_copy(update=of_weights)
