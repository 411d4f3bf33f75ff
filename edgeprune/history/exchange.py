"""A history as a file: one JSON record a line, for a colleague or another machine."""

import json
import math
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import Annotated, Any, Literal, NoReturn, TypeAlias

from pydantic import BaseModel, Field, TypeAdapter, ValidationError

from edgeprune.errors import MeasurementError
from edgeprune.history.errors import HistoryError
from edgeprune.history.keys import target_key
from edgeprune.history.nesting import check_nesting
from edgeprune.history.records import KernelLatency, Staircase
from edgeprune.history.run_records import RunRecord, TrialRecord
from edgeprune.history.store import History

_VERSION = 1
#: What a record that is none can make of reading it.
_BROKEN = (ValueError, KeyError, TypeError, AttributeError, RecursionError)
_LARGEST = 2**63 - 1


class _Header(BaseModel):
    """The first line."""

    format: Literal["edgeprune history"]
    version: int


class _Target(BaseModel):
    kind: Literal["target"] = "target"
    key: str
    facts: dict[str, Any]


class _Kernel(BaseModel):
    kind: Literal["kernel"] = "kernel"
    target: str
    record: KernelLatency


class _Staircase(BaseModel):
    kind: Literal["staircase"] = "staircase"
    target: str
    layer: str
    record: Staircase


class _Run(BaseModel):
    kind: Literal["run"] = "run"
    record: RunRecord


class _Trial(BaseModel):
    kind: Literal["trial"] = "trial"
    record: TrialRecord


_Line: TypeAlias = _Target | _Kernel | _Staircase | _Run | _Trial
_LINE: TypeAdapter[_Line] = TypeAdapter(Annotated[_Line, Field(discriminator="kind")])


def export_lines(history: History, target: str | None = None) -> Iterator[str]:
    """All records as lines of JSON; the first one names the format.

    Args:
        history: open.
        target: only what belongs to this target's key.

    Raises:
        HistoryError: the target is not known.
    """
    found = history.targets()
    if target is not None and target not in found:
        msg = f"the history knows no target {target!r}; `edgeprune history list` shows all"
        raise HistoryError(msg)
    yield _text(_Header(format="edgeprune history", version=_VERSION))
    for key in [target] if target is not None else sorted(found):
        yield _text(_Target(key=key, facts=found[key]))
        for kernel in history.kernels(key):
            yield _text(_Kernel(target=key, record=kernel))
        for layer, staircase in sorted(history.multiples(key).items()):
            yield _text(_Staircase(target=key, layer=layer, record=staircase))
        for line in history.runs.lines(key):
            yield _text(_Run(record=line.run))
            for trial in history.runs.trials(line.run.id):
                yield _text(_Trial(record=trial))


@dataclass
class Parcel:
    """What a file holds, checked.

    Attributes:
        targets: facts by key.
        kernels: with their target's key.
        staircases: with their target's key and the kind of layer.
        runs: by id.
        trials: by their run's id.
    """

    targets: dict[str, dict[str, Any]] = field(default_factory=dict)
    kernels: list[tuple[str, KernelLatency]] = field(default_factory=list)
    staircases: list[tuple[str, str, Staircase]] = field(default_factory=list)
    runs: dict[str, RunRecord] = field(default_factory=dict)
    trials: dict[str, list[TrialRecord]] = field(default_factory=dict)

    def counts(self) -> dict[str, int]:
        """How many records of each kind."""
        found = {name: len(getattr(self, name)) for name in ("targets", "kernels", "staircases")}
        return {**found, "runs": len(self.runs), "trials": sum(map(len, self.trials.values()))}


def read_parcel(lines: Iterable[str], name: str) -> Parcel:
    """Read and check every record; nothing is written.

    Args:
        lines: as `export_lines` wrote them.
        name: of the file, for errors.

    Raises:
        HistoryError: the file is no history, or a record is broken: its line and what is wrong.
    """
    parcel = Parcel()
    for number, line in enumerate(lines, 1):
        where = f"{name}, line {number}"
        try:
            record = json.loads(
                line, parse_constant=_no_number, parse_int=_whole, parse_float=_finite
            )
            check_nesting(record)
            # Half of a surrogate pair is JSON, but no text that a database takes.
            json.dumps(record, ensure_ascii=False).encode()
            if number == 1:
                _check_format(record, where)
            else:
                _take(parcel, _LINE.validate_python(record))
        except (HistoryError, MeasurementError) as error:
            msg = f"{where}: {error}; nothing was imported"
            raise HistoryError(msg) from error
        except _BROKEN as error:
            msg = f"{where} is no record of a history ({_reason(error)}); nothing was imported"
            raise HistoryError(msg) from error
    return parcel


def import_parcel(history: History, parcel: Parcel) -> None:
    """Add all records; what is there already stays as it is, and of kernels the latest.

    Raises:
        HistoryError: it cannot be written, or holds another run of the same id.
    """
    known = {line.run.id: line.run for line in history.runs.lines()}
    for run in parcel.runs.values():
        if run.id in known and known[run.id].space != run.space:
            msg = f"run {run.id} is another one here; nothing was imported"
            raise HistoryError(msg)
    for key, facts in parcel.targets.items():
        history.target(key, facts)
        kernels = [kernel for target, kernel in parcel.kernels if target == key]
        history.record_kernels(key, kernels)
        stairs = {kind: one for target, kind, one in parcel.staircases if target == key}
        history.record_multiples(key, stairs)
    for run in parcel.runs.values():
        history.runs.start(run)
        history.runs.extend(run.space, parcel.trials.get(run.id, []))


def _take(parcel: Parcel, line: _Line) -> None:
    match line:
        case _Target(key=key, facts=facts):
            if target_key(facts) != key:
                msg = f"target {key!r} does not have the key of its facts"
                raise HistoryError(msg)
            parcel.targets[key] = facts
        case _Kernel(target=target, record=kernel):
            _known(target, parcel.targets, "target")
            parcel.kernels.append((target, kernel))
        case _Staircase(target=target, layer=layer, record=staircase):
            _known(target, parcel.targets, "target")
            parcel.staircases.append((target, layer, staircase))
        case _Run(record=run):
            _known(run.target, parcel.targets, "target")
            parcel.runs[run.id] = run
        case _Trial(record=trial):
            _known(trial.run, parcel.runs, "run")
            parcel.runs[trial.run].space.check(trial.widths)
            parcel.trials.setdefault(trial.run, []).append(trial)


def _known(key: str, found: dict[str, Any], what: str) -> None:
    if key not in found:
        msg = f"its {what} {key!r} does not come before it"
        raise HistoryError(msg)


def _check_format(record: Any, where: str) -> None:
    try:
        header = _Header.model_validate(record)
    except ValidationError as error:
        msg = "this is no exported history; `edgeprune history export FILE` writes one"
        raise HistoryError(msg) from error
    if header.version != _VERSION:
        msg = f"version {header.version} of the format; allowed: {_VERSION}"
        raise HistoryError(msg)


def _no_number(text: str) -> NoReturn:
    msg = f"{text} is no number"
    raise ValueError(msg)


def _whole(text: str) -> int:
    # Longer ones are not even parsed: that takes time with the square of their length.
    if len(text) > len(str(_LARGEST)) + 1 or abs(int(text)) > _LARGEST:
        msg = f"{text[:24]} is too large a number"
        raise ValueError(msg)
    return int(text)


def _finite(text: str) -> float:
    if not math.isfinite(float(text)):
        _no_number(text)
    return float(text)


def _reason(error: Exception) -> str:
    if isinstance(error, ValidationError):
        first = error.errors()[0]
        if first["type"] == "union_tag_invalid":
            kind, allowed = first["ctx"]["tag"], first["ctx"]["expected_tags"]
            return f"unknown kind of record {kind!r}; allowed: {allowed}"
        return f"{'.'.join(map(str, first['loc']))}: {first['msg']}"
    return str(error)


def _text(line: BaseModel) -> str:
    return json.dumps(line.model_dump(mode="json"), allow_nan=False)
