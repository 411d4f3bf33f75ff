"""Finding a user's own function by its name, ``module:function``, and calling it.

Built-in datasets are called the same way as a user's: by what their signature asks for.
"""

from collections.abc import Callable, Mapping
from inspect import Parameter, signature
from typing import Any

from edgeprune.errors import WorkloadError, nearest
from edgeprune.plugins import load_object, told


def import_function(name: str, setting: str) -> Callable[..., Any]:
    """Import ``package.module:function``; the working directory is searched too.

    Args:
        name: module and attribute, joined by a colon.
        setting: dotted path of the setting that held `name`, for the message.

    Returns:
        The callable.

    Raises:
        WorkloadError: there is no such module or attribute, importing it fails, or it is not
            callable.
    """
    return load_object(name, setting, WorkloadError)


def call_accepted(
    function: Callable[..., Any],
    name: str,
    *,
    args: Mapping[str, Any],
    offered: Mapping[str, Any],
    required: Mapping[str, str],
    setting: str,
) -> Any:
    """Call a function with the user's `args` and with those of `offered` that it asks for.

    Args:
        function: what to call.
        name: what the user called it.
        args: all of these are passed.
        offered: passed where the signature has a parameter of that name.
        required: names in `offered` that the user set on purpose, with the setting's dotted
            path: a function that does not ask for one of them would silently ignore it.
        setting: dotted path of the setting that named the function.

    Returns:
        What the function returns.

    Raises:
        WorkloadError: an argument is not accepted or missing, or the function raised.
    """
    try:
        parameters = signature(function).parameters
    except (TypeError, ValueError):  # some callables written in C have none
        parameters = {}  # type: ignore[assignment]
    open_ended = any(each.kind is Parameter.VAR_KEYWORD for each in parameters.values())
    named = [
        key
        for key, each in parameters.items()
        if each.kind in (Parameter.KEYWORD_ONLY, Parameter.POSITIONAL_OR_KEYWORD)
    ]
    for key in args:
        if key in offered and key in named:
            msg = f"{setting}.args.{key}: {key} has a place of its own, {setting}.{key}"
            raise WorkloadError(msg)
        if key not in named and not open_ended:
            msg = f"{setting}.args.{key}: {name!r} takes no {key!r}{_allowed(key, named, offered)}"
            raise WorkloadError(msg)
    for key, path in required.items():
        if key not in named:
            msg = f"{path} is set, but {name!r} takes no {key!r}: remove the setting"
            raise WorkloadError(msg)
    given = {key: value for key, value in offered.items() if key in named} | dict(args)
    try:
        return function(**given)
    except WorkloadError:
        raise
    except (Exception, SystemExit) as error:  # the user's function may raise anything
        shown = ", ".join(f"{key}={value!r}" for key, value in given.items())
        msg = f"{setting}: {name}({shown}) failed: {told(error)}"
        raise WorkloadError(msg) from error


def _allowed(key: str, named: list[str], offered: Mapping[str, Any]) -> str:
    allowed = [each for each in named if each not in offered]
    return f"; allowed: {', '.join(allowed) or 'none'}{nearest(key, allowed)}"
