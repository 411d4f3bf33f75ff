"""Tasks by name; a user's own class is made exactly like ours."""

import inspect
from collections.abc import Mapping, Sequence
from functools import cache
from typing import Any

from edgeprune.errors import WorkloadError, nearest
from edgeprune.plugins import load_object, provided, told
from edgeprune.tasks.classification import Classification
from edgeprune.tasks.detection import Detection
from edgeprune.tasks.protocol import Task
from edgeprune.tasks.regression import Regression
from edgeprune.tasks.segmentation import Segmentation

#: Entry points of other packages: classes derived from `Task`.
ENTRY_POINTS = "edgeprune.tasks"
_OURS: dict[str, type[Task]] = {
    kind.name: kind for kind in (Classification, Segmentation, Detection, Regression)
}


@cache
def tasks() -> Mapping[str, type[Task]]:
    """Tasks that have a name: ours, and those that installed packages bring.

    Raises:
        WorkloadError: a package's entry point cannot be loaded, or is no class of a task.
    """
    return provided(ENTRY_POINTS, "a class derived from Task", _is_task, WorkloadError) | _OURS


def make_task(name: str, metrics: Sequence[str] = (), args: Mapping[str, Any] = {}) -> Task:
    """A fresh task.

    Args:
        name: one of `tasks`, or ``module:Class``.
        metrics: what it is judged by, the score first; none: its own.
        args: keyword arguments of its class.

    Raises:
        WorkloadError: it is unknown or lacks a method, an argument is not one of its own, or a
            metric is not one that it can compute.
    """
    kind = _own(name) if ":" in name else _named(name)
    _check_arguments(kind, args)
    try:
        made = kind(**args)
    except WorkloadError:
        raise
    except (Exception, SystemExit) as error:  # the user's class may raise anything
        msg = f"workload.task: {name} cannot be made: {told(error)}"
        raise WorkloadError(msg) from error
    made.choose(metrics)
    return made


def _named(name: str) -> type[Task]:
    if name not in tasks():
        msg = (
            f"workload.task is {name!r}; allowed: {', '.join(tasks())}, or "
            f"module:Class{nearest(name, tasks())}"
        )
        raise WorkloadError(msg)
    return tasks()[name]


def _own(name: str) -> type[Task]:
    kind = load_object(name, "workload.task", WorkloadError)
    if not _is_task(kind):
        msg = f"workload.task: {name!r} is no class derived from edgeprune.tasks.Task"
        raise WorkloadError(msg)
    missing = sorted(getattr(kind, "__abstractmethods__", ()))
    if missing:
        msg = f"workload.task: {name!r} has no method {', '.join(missing)}"
        raise WorkloadError(msg)
    if not getattr(kind, "known", ()):
        msg = f"workload.task: {name!r} has no metrics: give it known = (Metric(...),)"
        raise WorkloadError(msg)
    return kind  # type: ignore[return-value]


def _check_arguments(kind: type[Task], args: Mapping[str, Any]) -> None:
    parameters = inspect.signature(kind).parameters
    if any(one.kind is inspect.Parameter.VAR_KEYWORD for one in parameters.values()):
        return
    for key in args:
        if key not in parameters:
            allowed = ", ".join(parameters) or "none"
            msg = (
                f"workload.task_args.{key}: {kind.title()} takes no {key!r}; allowed: "
                f"{allowed}{nearest(key, parameters)}"
            )
            raise WorkloadError(msg)


def _is_task(kind: object) -> bool:
    return isinstance(kind, type) and issubclass(kind, Task)
