"""What a worker may answer to each step: anything else is an error with a name, not a crash."""

import json
from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field, ValidationError

#: A device's own account of itself is kept with every trial.
_FACTS_BYTES = 2**16
#: Letters of a message that are shown.
_MESSAGE_LETTERS = 2000

_Text = Annotated[str, Field(max_length=500)]
_Maybe = Annotated[float | None, Field(allow_inf_nan=False)]
#: A time that may be too short to be seen.
_Time = Annotated[float, Field(ge=0, allow_inf_nan=False)]
#: Of a long list of nonsense the first value is told: to gather all takes seconds a megabyte.
_First = Field(fail_fast=True)
_Times = Annotated[list[_Time], Field(min_length=1, fail_fast=True)]
_Kernel = Annotated[tuple[_Text, _Text, _Times], Field(strict=False)]


class NonsenseError(Exception):
    """An answer is not what the step answers; the text says what is wrong with it."""


class _Answer(BaseModel):
    model_config = ConfigDict(strict=True, extra="allow")


class _Failed(_Answer):
    failure: _Text
    message: str


class _Missing(_Answer):
    missing: Annotated[list[_Text], Field(max_length=8, fail_fast=True)]


class _Start(_Answer):
    pid: Annotated[int, Field(ge=0)]
    machine: _Text
    vnni: bool = False
    device_id: _Text | None = None
    runtime: _Text
    version: _Text
    threads: Annotated[int, Field(ge=1)]
    single_thread: bool
    clock_kind: _Text


class _State(_Answer):
    governor: _Text | None = None
    frequency_mhz: _Maybe = None
    temperature_c: _Maybe = None
    throttled: bool | None = None
    load: _Maybe = None
    clock_s: _Maybe = None


class _Build(_Answer):
    build_ms: Annotated[float, Field(ge=0, allow_inf_nan=False)]


class _Measure(_Answer):
    candidate: Annotated[list[float], _First]
    baseline: Annotated[list[float], _First]
    candidate_cpu: Annotated[list[_Time], _First]
    baseline_cpu: Annotated[list[_Time], _First]


class _Profile(_Answer):
    kernels: Annotated[list[_Kernel], _First] | None


class _Memory(_Answer):
    bytes: Annotated[int, Field(ge=0)]


class _Energy(_Answer):
    joules: Annotated[float, Field(gt=0, allow_inf_nan=False)]


class _Output(_Answer):
    shape: Annotated[list[Annotated[int, Field(ge=0)]], _First]
    dtype: _Text
    content: bytes


class _Outputs(_Answer):
    outputs: Annotated[list[_Output], _First]


_STEPS: dict[str, type[_Answer]] = {
    "start": _Start,
    "state": _State,
    "build": _Build,
    "measure": _Measure,
    "profile": _Profile,
    "outputs": _Outputs,
    "memory": _Memory,
    "energy": _Energy,
}
#: Steps whose whole answer is kept.
_FACTS = {"start", "state"}


def checked(step: str, answer: Any) -> dict[str, Any]:
    """An answer that holds what the step answers, a failure, or what is missing.

    Args:
        step: what was asked.
        answer: what came.

    Raises:
        NonsenseError: it is something else.
    """
    if not isinstance(answer, dict):
        msg = f"answered {step!r} with a {type(answer).__name__}; expected: a dict"
        raise NonsenseError(msg)
    kind = _STEPS.get(step, _Answer)
    if "failure" in answer:
        kind = _Failed
    elif "missing" in answer and step not in _FACTS:  # these are given nothing to lack
        kind = _Missing
    try:
        kind.model_validate(answer)
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        where = ".".join(map(str, first["loc"]))
        got = plain(repr(first["input"]))[:100]
        msg = f"answered {step!r} with {where} = {got}: {first['msg']}"
        raise NonsenseError(msg) from error
    if step in _FACTS:
        _check_small(step, answer)
    return answer


def plain(text: str) -> str:
    """A device's text as one that can be shown: of bounded length, without control characters."""
    shown = text[:_MESSAGE_LETTERS]
    return "".join(one if one.isprintable() else " " for one in shown).strip()


def _check_small(step: str, answer: dict[str, Any]) -> None:
    try:
        size = len(json.dumps(answer, allow_nan=False))
    except (TypeError, ValueError, RecursionError) as error:
        msg = f"answered {step!r} with what is no JSON: {error}"
        raise NonsenseError(msg) from error
    if size > _FACTS_BYTES:
        msg = f"answered {step!r} with {size:,} bytes; allowed: {_FACTS_BYTES:,}"
        raise NonsenseError(msg)
