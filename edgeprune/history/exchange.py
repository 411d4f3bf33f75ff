"""A history as a file: one JSON record a line, for a colleague or another machine."""

import json
import math
import re
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Annotated, Any, Literal, NoReturn, TextIO, TypeAlias

from pydantic import BaseModel, Field, TypeAdapter, ValidationError

from edgeprune.errors import MeasurementError
from edgeprune.history.errors import HistoryError, HistoryUnavailableError
from edgeprune.history.incoming import Incoming
from edgeprune.history.keys import target_key
from edgeprune.history.nesting import check_nesting
from edgeprune.history.records import KernelLatency, Staircase
from edgeprune.history.run_records import RunRecord, TrialRecord
from edgeprune.history.store import History

_VERSION = 1
#: What a record that is none can make of reading it.
_BROKEN = (ValueError, KeyError, TypeError, AttributeError, RecursionError)
_LARGEST = 2**63 - 1
#: Characters of a line, at most: a trial with its samples has some thousands.
LONGEST_LINE = 32 * 2**20


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


@dataclass(frozen=True)
class Records:
    """What there is of one target, as a file has it.

    Attributes:
        key: of the target.
        facts: of the same.
        kernels: measured there.
        multiples: staircases by kind of layer.
        runs: each with its trials.
    """

    key: str
    facts: Mapping[str, Any]
    kernels: Iterable[KernelLatency] = ()
    multiples: Mapping[str, Staircase] = field(default_factory=dict)
    runs: Iterable[tuple[RunRecord, Iterable[TrialRecord]]] = ()


def record_lines(found: Iterable[Records]) -> Iterator[str]:
    """Records as lines of JSON; the first one names the format. No more than one is in memory."""
    yield _text(_Header(format="edgeprune history", version=_VERSION))
    for one in found:
        yield _text(_Target(key=one.key, facts=dict(one.facts)))
        for kernel in one.kernels:
            yield _text(_Kernel(target=one.key, record=kernel))
        for layer, staircase in sorted(one.multiples.items()):
            yield _text(_Staircase(target=one.key, layer=layer, record=staircase))
        for run, trials in one.runs:
            yield _text(_Run(record=run))
            for trial in trials:
                yield _text(_Trial(record=trial))


def export_lines(history: History, target: str | None = None) -> Iterator[str]:
    """All records as lines of JSON; see `record_lines`.

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
    keys = [target] if target is not None else sorted(found)
    return record_lines(
        Records(
            key,
            found[key],
            history.kernels(key),
            history.multiples(key),
            _runs(history, key),
        )
        for key in keys
    )


def _runs(history: History, target: str) -> Iterator[tuple[RunRecord, Iterable[TrialRecord]]]:
    for run in history.runs.ids(target):
        if (line := history.runs.line(run)) is not None:  # it may have been forgotten meanwhile
            yield line.run, history.runs.each_trial(run)


def import_lines(
    history: History, lines: Iterable[str], name: str, *, own: bool = False
) -> dict[str, int]:
    """Add all records, or none where one is broken; a line at a time.

    What is there already stays as it is. Trials are marked as another history's: later searches
    learn from them, and measure what they need all the same.

    Args:
        history: open; others who write wait until the import has ended.
        lines: as `export_lines` wrote them.
        name: of the file, for errors.
        own: they were measured by this user's own runs, and count as such.

    Returns:
        How many records of each kind there were.

    Raises:
        HistoryError: the file is no history, or a record is broken: its line and what is wrong.
        HistoryUnavailableError: the history cannot be written.
    """
    return import_sources(history, [(name, lines)], own=own)


def import_sources(
    history: History, sources: Iterable[tuple[str, Iterable[str]]], *, own: bool = False
) -> dict[str, int]:
    """Add all records of several histories, or none where one is broken; see `import_lines`.

    Args:
        history: open.
        sources: name and lines of each; what several have counts once.
        own: they were measured by this user's own runs.
    """
    counts: Counter[str] = Counter()
    with history.at_once() as connection:
        for name, lines in sources:
            incoming = Incoming(connection, imported=not own)
            _take_all(incoming, lines, name)
            counts.update(incoming.counts)
    return dict(counts)


def _take_all(incoming: Incoming, lines: Iterable[str], name: str) -> None:
    number = 0
    try:
        for number, line in enumerate(lines, 1):
            _take(incoming, _record(line, first=number == 1))
        if not number:
            msg = "line 1: this is no exported history; the file is empty"
            raise HistoryError(msg)
        incoming.finish()
    except HistoryUnavailableError:
        raise
    except UnicodeDecodeError as error:
        msg = (
            f"{name} is no exported history; `edgeprune history export FILE` writes one, and "
            "`edgeprune history merge` takes a database"
        )
        raise HistoryError(msg) from error
    except (HistoryError, MeasurementError) as error:
        msg = f"{name}, line {number}: {error}; nothing was imported"
        raise HistoryError(msg) from error
    except _BROKEN as error:
        where = f"{name}, line {number}"
        msg = f"{where} is no record of a history ({_reason(error)}); nothing was imported"
        raise HistoryError(msg) from error


def bounded_lines(file: TextIO) -> Iterator[str]:
    """The lines of a file; of one that is too long no more than shows that it is."""
    return iter(lambda: file.readline(LONGEST_LINE + 1), "")


def _record(line: str, *, first: bool) -> _Line | None:
    """The record of a line; None of the first one, which names the format."""
    if len(line) > LONGEST_LINE:
        msg = f"it is longer than {LONGEST_LINE // 2**20} MiB"
        raise HistoryError(msg)
    record = (_CAREFUL if _LARGE.search(line) else _QUICK).decode(line)
    check_nesting(record)
    # Half of a surrogate pair is JSON, but no text that a database takes.
    if "\\ud" in line or "\\uD" in line:
        json.dumps(record, ensure_ascii=False).encode()
    if first:
        _check_format(record)
        return None
    return _LINE.validate_python(record)


def _take(incoming: Incoming, line: _Line | None) -> None:
    match line:
        case _Target(key=key, facts=facts):
            if target_key(facts) != key:
                msg = f"target {key!r} does not have the key of its facts"
                raise HistoryError(msg)
            incoming.target(key, facts)
        case _Kernel(target=target, record=kernel):
            incoming.kernel(target, kernel)
        case _Staircase(target=target, layer=layer, record=staircase):
            incoming.staircase(target, layer, staircase)
        case _Run(record=run):
            incoming.run(run)
        case _Trial(record=trial):
            incoming.trial(trial)


def _check_format(record: Any) -> None:
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


#: What may be a number beyond all limits; what has none is read without a look at each.
_LARGE = re.compile(r"[0-9]{18}|[eE]\+?[0-9]{3}")
_QUICK = json.JSONDecoder(parse_constant=_no_number)
_CAREFUL = json.JSONDecoder(parse_constant=_no_number, parse_int=_whole, parse_float=_finite)


def _text(line: BaseModel) -> str:
    return json.dumps(line.model_dump(mode="json"), allow_nan=False)
