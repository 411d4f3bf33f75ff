"""Whose run it is: what somebody else's run directory names is not run, unless a person says so.

A run directory names code: ``module:function`` with arguments, a target's profile with commands.
A pipeline that was run here is known by a mark outside of the directory, in the user's data folder,
where nobody who sends a directory can put one; so a run that was moved is still its maker's.
Consent to somebody else's is kept in the same way, but for the one place that it was given for.
"""

import hashlib
import os
from collections.abc import Iterator, Mapping
from pathlib import Path

from edgeprune.config import PipelineConfig
from edgeprune.config.profiles import shipped_profiles
from edgeprune.errors import NoHomeError, RunError
from edgeprune.folders import user_data
from edgeprune.passwords import masked
from edgeprune.pipeline.run_directory import RunDirectory
from edgeprune.search.samplers.optuna import PREFIX

#: Folder of the marks in the user's data, one file for each.
_MARKS = "known-runs"
#: Characters of arguments that a message repeats.
_TOLD = 200


def remember(directory: RunDirectory) -> None:
    """Mark the pipeline of a run directory as one that this user has run.

    Where the user's data folder cannot be written it is not marked, and consent is asked for later.
    """
    _keep(_made(directory), directory)


def require_consent(directory: RunDirectory, config: PipelineConfig, *, trust: bool) -> None:
    """Refuse to run what a directory names that was not made here.

    Args:
        directory: of a run.
        config: its pipeline.
        trust: the user knows who made it; that is remembered.

    Raises:
        RunError: it would run code or reach outside of the directory, and nobody allowed it.
    """
    if trust:
        _keep(_trusted(directory), directory)
    elif found := undue(directory, config):
        raise RunError(refusal(directory, found))


def undue(directory: RunDirectory, config: PipelineConfig) -> list[str]:
    """What going on with a run would run or reach that nobody has allowed.

    Nothing for edgeprune's own and that of installed packages, or where consent was given.
    """
    if _is_kept(_trusted(directory)):
        return []
    found = [] if _is_kept(_made(directory)) else [*_code(config), *_places(config)]
    return [*found, *_links(directory)]


def ours(directory: RunDirectory) -> bool:
    """Whether what a directory says was measured counts as measured here."""
    return _is_kept(_made(directory)) or _is_kept(_trusted(directory))


def refusal(directory: RunDirectory, found: list[str]) -> str:
    """Says what a directory would do, and how to allow it."""
    told = "".join(f"\n  {one}" for one in found)
    return (
        f"{directory.path} was not made here, or was changed since, and would run or reach:{told}\n"
        "allowed: --trust (in Python trust=True), if you know who made it; that is remembered for "
        "this directory"
    )


def _code(config: PipelineConfig) -> Iterator[str]:
    workload, search = config.workload, config.search
    model, data = workload.model, workload.data
    if model.names_code:
        yield _told("workload.model.name", model.name, model.args)
    for setting, name, given in (
        ("workload.data.name", data.name, data.args),
        ("workload.task", workload.task, workload.task_args),
        ("search.sampler", search.sampler, search.options),
        ("search.reward", search.reward, {}),
    ):
        if ":" in name and not name.startswith(PREFIX):
            yield _told(setting, name, given)


def _told(setting: str, name: str, given: Mapping[str, object]) -> str:
    arguments = f" with {given!r}"[:_TOLD] if given else ""
    return f"{setting}: {name}{arguments}"


def _places(config: PipelineConfig) -> Iterator[str]:
    # Its kind does not matter: a local one can name libraries to load, too.
    for target in config.targets:
        if target not in shipped_profiles():
            yield f"target: {target} (a profile can name commands, hosts and libraries)"
    if config.history not in {"default", "none"}:
        yield f"history: {masked(config.history)} (what is measured is written there)"
    if config.execution.address != "auto":
        yield f"execution.address: {config.execution.address} (workers are sent model and data)"


def _links(directory: RunDirectory) -> Iterator[str]:
    home = directory.path.resolve()
    for path in sorted(directory.path.rglob("*")):
        # Not `Path.resolve`, which fails at a link to itself.
        if path.is_symlink() and not Path(found := os.path.realpath(path)).is_relative_to(home):
            yield f"{path.relative_to(directory.path)}, a link to {found}"


def _made(directory: RunDirectory) -> str:
    """Of this pipeline, wherever it lies."""
    return hashlib.sha256(b"made\0" + directory.pipeline.read_bytes()).hexdigest()


def _trusted(directory: RunDirectory) -> str:
    """Of this pipeline in this place: another directory that says the same is another one."""
    place = os.fsencode(directory.path.resolve())
    return hashlib.sha256(
        b"trusted\0" + place + b"\0" + directory.pipeline.read_bytes()
    ).hexdigest()


def _keep(mark: str, directory: RunDirectory) -> None:
    try:
        folder = user_data() / _MARKS
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        (folder / mark).write_text(f"{directory.path}\n", errors="replace", encoding="utf-8")
    except (OSError, NoHomeError):
        return


def _is_kept(mark: str) -> bool:
    try:
        return (user_data() / _MARKS / mark).is_file()
    except (OSError, NoHomeError):
        return False
