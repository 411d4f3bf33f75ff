"""Loading pipeline and target files."""

from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import Any, TypeVar

from pydantic import ValidationError

from edgeprune.config.calibration import CalibrationConfig
from edgeprune.config.document import read_document
from edgeprune.config.explain import explain
from edgeprune.config.inheritance import inherit
from edgeprune.config.overrides import apply_overrides, read_overrides, with_value
from edgeprune.config.paths import resolve_paths
from edgeprune.config.pipeline import PipelineConfig
from edgeprune.config.places import Places
from edgeprune.config.pool import pool_problems
from edgeprune.config.problem import KeyPath, Problem, raise_all
from edgeprune.config.profiles import locate_profile
from edgeprune.config.section import Section
from edgeprune.config.target import TargetConfig
from edgeprune.errors import ConfigError

_S = TypeVar("_S", bound=Section)
#: Settings of a pipeline that name another file, by the kind of file.
_REFERENCES = {"targets": ("target",), "calibration": ("export", "calibration")}


#: Finds what is wrong with settings that are of the right form: where each stands, and what it is.
Check = Callable[[PipelineConfig], Iterable[tuple[KeyPath, str]]]


def load_pipeline(
    path: str | Path, overrides: Sequence[str] = (), check: Check = lambda config: ()
) -> PipelineConfig:
    """Load a pipeline file.

    Paths inside the file are relative to it, those in overrides to the current folder; ``~``,
    ``${VAR}`` and ``${VAR:-default}`` are expanded. What is returned holds absolute paths.

    Args:
        path: the YAML file.
        overrides: ``"budget.latency=0.4x"``-like settings that win over the file; the last of
            several on one key holds.
        check: asked about a file of the right form, for what only other rooms know.

    Raises:
        ConfigError: one line for each thing that is wrong, with its line, key and value, what is
            allowed, and the nearest key.
    """
    document = read_document(path)
    settings, problems = read_overrides(overrides, PipelineConfig)
    places = Places(document, settings)
    base = _folder(path)
    value = apply_overrides(document.value, settings)
    value, misplaced = _resolve_references(value, places, base)
    config = _validated(PipelineConfig, value, places, base, problems + misplaced)
    wrong = [*check(config)]
    if not isinstance(config.target, str):
        profiles = [load_target(one) for one in config.target]
        wrong += [(("target", place), text) for place, text in pool_problems(profiles)]
    if wrong:
        raise_all(Problem(places.value(where), where, text) for where, text in wrong)
    return config


def load_target(name_or_path: str, *, base: Path | None = None) -> TargetConfig:
    """Load a target's profile.

    Args:
        name_or_path: a profile that comes with edgeprune, such as ``local``, or a YAML file.
        base: where relative paths start; the current folder if not given.

    Raises:
        ConfigError: there is no such profile, or something in it is wrong.
    """
    try:
        _, file = locate_profile(name_or_path, base or Path.cwd())
    except ValueError as error:
        raise ConfigError(str(error)) from None
    return _load_profile(file, ())


def load_boards(config: PipelineConfig) -> tuple[TargetConfig, ...]:
    """The profiles of all boards that a pipeline measures on: one, or those of a pool.

    Raises:
        ConfigError: as `load_target`.
    """
    return tuple(board for one in config.targets for board in load_target(one).boards)


def load_calibration(name_or_path: str, *, base: Path | None = None) -> CalibrationConfig:
    """Load a calibration recipe.

    Args:
        name_or_path: a recipe that comes with edgeprune, such as ``default``, or a YAML file.
        base: where relative paths start; the current folder if not given.

    Raises:
        ConfigError: there is no such recipe, or something in it is wrong.
    """
    try:
        _, file = locate_profile(name_or_path, base or Path.cwd(), "calibration")
    except ValueError as error:
        raise ConfigError(str(error)) from None
    document = read_document(file)
    return _validated(CalibrationConfig, document.value, Places(document), _folder(file), [])


def _load_profile(file: Path, heirs: tuple[Path, ...]) -> TargetConfig:
    """Load a profile, after the one it extends.

    Args:
        file: the profile.
        heirs: profiles that extend it, the outermost first.
    """
    document = read_document(file)
    places = Places(document)
    value, problems = document.value, []
    reference = value.get("extends") if isinstance(value, dict) else None
    if isinstance(reference, str):
        try:
            _, parent = locate_profile(reference, _folder(file))
            chain = (*heirs, file)
            if parent in chain:
                names = " -> ".join(one.name for one in (*chain[chain.index(parent) :], parent))
                msg = f"goes in a circle: {names}"
                raise ValueError(msg)
            inherited = _load_profile(parent, chain).model_dump(mode="json", exclude_unset=True)
            value = inherit(inherited, value or {})
        except ValueError as error:
            problems.append(Problem(places.value(("extends",)), ("extends",), str(error)))
    return _validated(TargetConfig, value, places, _folder(file), problems)


def _validated(
    schema: type[_S], value: Any, places: Places, base: Path, problems: list[Problem]
) -> _S:
    value, unresolved = resolve_paths(value, schema, places, base)
    problems = [*places.document.problems, *problems, *unresolved]
    try:
        config = schema.model_validate(value, context={"written": True})
    except ValidationError as error:
        known = {(problem.place, problem.path) for problem in problems}
        explained = explain(error, schema, places)
        raise_all(problems + [each for each in explained if (each.place, each.path) not in known])
    if problems:
        raise_all(problems)
    return config


def _resolve_references(value: Any, places: Places, base: Path) -> tuple[Any, list[Problem]]:
    """Check that target and recipe are there, so that a misspelt one costs no training."""
    problems: list[Problem] = []
    for kind, path in _REFERENCES.items():
        reference = value
        for key in path:
            reference = reference.get(key) if isinstance(reference, dict) else None

        def resolved(one: Any, where: KeyPath, kind: str = kind, path: KeyPath = path) -> Any:
            if not isinstance(one, str) or not one:
                return one
            try:
                folder = Path.cwd() if places.override(path) else base
                return locate_profile(one, folder, kind)[0]
            except ValueError as error:
                problems.append(Problem(places.value(where), where, str(error)))
                return one

        if isinstance(reference, list):
            each = [resolved(one, (*path, place)) for place, one in enumerate(reference)]
            value = with_value(value, path, each)
        elif reference is not None:
            value = with_value(value, path, resolved(reference, path))
    return value, problems


def _folder(path: str | Path) -> Path:
    return Path(path).expanduser().absolute().parent
