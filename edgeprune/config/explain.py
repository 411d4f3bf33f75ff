"""pydantic's errors in the user's words: the place, the value, what is allowed, what is near."""

from pydantic import ValidationError
from pydantic_core import ErrorDetails

from edgeprune.config.overrides import unknown_key
from edgeprune.config.places import Places
from edgeprune.config.problem import KeyPath, Problem, shown
from edgeprune.config.schema import find
from edgeprune.config.section import Section
from edgeprune.errors import nearest


def explain(error: ValidationError, top: type[Section], places: Places) -> list[Problem]:
    """One problem for each wrong value.

    Args:
        error: what validation of `top` raised.
        top: the section that was validated.
        places: where its values come from.
    """
    details = error.errors(include_url=False)
    unknown = [each["loc"] for each in details if each["type"] == "extra_forbidden"]
    problems: dict[KeyPath, Problem] = {}
    for each in details:
        if each["type"] == "missing" and _is_misspelt(each["loc"], unknown):
            continue
        problem = _explain_one(each, top, places)
        problems.setdefault(problem.path, problem)  # a union complains once per alternative
    # A list with a wrong item is also reported as too short: the item says enough.
    parents = {path[:end] for path in problems for end in range(len(path))}
    return [problem for path, problem in problems.items() if path not in parents]


def _explain_one(detail: ErrorDetails, top: type[Section], places: Places) -> Problem:
    spot = find(top, detail["loc"])
    path, kind = spot.path, detail["type"]
    if kind == "extra_forbidden" and spot.section is not None:
        return Problem(places.key(path), path, unknown_key(path, spot.section))
    if kind == "missing":
        description = spot.field.description if spot.field else None
        return Problem(places.key(path), path, f"missing. {description}")
    if kind == "value_error":
        text = str(detail["ctx"]["error"])
        if spot.section is not None:
            return Problem(places.section(path), path, text)
        return Problem(places.value(path), path, f"{text}; got {shown(detail['input'])}")
    got = detail["input"]
    near = nearest(got, spot.words) if isinstance(got, str) else ""
    place = places.key(path) if spot.section else places.value(path)
    return Problem(place, path, f"must be {spot.expected}; got {shown(got)}{near}")


def _is_misspelt(missing: KeyPath, unknown: list[KeyPath]) -> bool:
    """Whether a missing key is there under a name that is already reported as unknown."""
    siblings = [str(path[-1]) for path in unknown if path[:-1] == missing[:-1]]
    return any(nearest(word, [str(missing[-1])]) for word in siblings)
