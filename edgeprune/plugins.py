"""Code that is not ours: objects named ``module:name`` in a pipeline file, and entry points."""

import os
import sys
from collections.abc import Callable, Iterable
from importlib import import_module
from importlib.metadata import entry_points
from typing import Any, Protocol, TypeVar

from edgeprune.errors import UserError, nearest


class Named(Protocol):
    """What has a name in a file."""

    @property
    def name(self) -> str:
        """Of an entry point as well."""
        ...


S = TypeVar("S", bound=Named)


def load_object(name: str, setting: str, error: type[UserError]) -> Callable[..., Any]:
    """Import ``package.module:function``; the working directory is searched too.

    Args:
        name: module and attribute, joined by a colon.
        setting: dotted path of the setting that held `name`, for the message.
        error: what is raised.

    Returns:
        The callable.

    Raises:
        UserError: there is no such module or attribute, importing it fails, or it is not callable.
    """
    module_name, _, attribute = name.partition(":")
    # Last, so that nothing in the working directory hides an installed package.
    if os.getcwd() not in sys.path and "" not in sys.path:
        sys.path.append(os.getcwd())
    try:
        module = import_module(module_name)
    except (Exception, SystemExit) as reason:  # the user's module may raise anything
        msg = f"{setting}: cannot import {module_name!r} of {name!r}: {told(reason)}"
        raise error(msg) from reason
    found = getattr(module, attribute, None)
    if found is None:
        own = [key for key, value in vars(module).items() if callable(value) and key[0] != "_"]
        hint = nearest(attribute, own)
        msg = f"{setting}: module {module_name!r} has no function {attribute!r}{hint}"
        raise error(msg)
    if not callable(found):
        msg = f"{setting}: {name!r} is a {type(found).__name__}, not a function"
        raise error(msg)
    return found  # type: ignore[no-any-return]


def provided(
    group: str, wanted: str, fits: Callable[[Any], bool], error: type[UserError]
) -> dict[str, Any]:
    """What installed packages bring, by name: the entry points of a group.

    Args:
        group: ``edgeprune.datasets`` or ``edgeprune.models``; see `specs` for the others.
        wanted: what each must be, in words.
        fits: whether one is that.
        error: what is raised.

    Raises:
        UserError: one cannot be loaded, or is something else.
    """
    found: dict[str, Any] = {}
    for point in entry_points(group=group):
        try:
            loaded = point.load()
        except Exception as reason:  # another package's module may raise anything
            msg = (
                f"entry point {point.name!r} of {group}: cannot load {point.value}: {told(reason)}"
            )
            raise error(msg) from reason
        if not fits(loaded):
            msg = (
                f"entry point {point.name!r} of {group}: {point.value} is a "
                f"{type(loaded).__name__}; allowed: {wanted}"
            )
            raise error(msg)
        found[point.name] = loaded
    return found


def specs(group: str, ours: Iterable[S], error: type[UserError]) -> dict[str, S]:
    """Ours by name, and what installed packages bring beside them.

    Args:
        group: ``edgeprune.samplers``, ``edgeprune.formats`` or ``edgeprune.runtimes``.
        ours: of one class; entry points are of the same.
        error: what is raised.

    Raises:
        UserError: one cannot be loaded, is something else, or takes a name that is taken.
    """
    found = {spec.name: spec for spec in ours}
    kind = type(next(iter(found.values())))
    theirs = provided(group, f"a {kind.__name__}", lambda one: isinstance(one, kind), error)
    for name, spec in theirs.items():
        if name in found or name != spec.name:
            msg = f"entry point {name!r} of {group}: the name must be new and the spec's own"
            raise error(msg)
        found[name] = spec
    return found


def told(error: BaseException) -> str:
    """An error of foreign code, as a message says it."""
    return f"{type(error).__name__}: {error}"
