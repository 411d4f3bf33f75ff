"""Objects of the user's own code, named ``module:name`` in a pipeline file."""

import importlib
from typing import Any

from edgeprune.errors import SearchError, nearest


def load_object(name: str, role: str) -> Any:
    """Import ``module:attribute``.

    Args:
        name: what the user wrote.
        role: what it is to be, for the error: "reward" or "sampler".

    Raises:
        SearchError: the module cannot be imported or lacks the attribute, or it is not callable.
    """
    module_name, _, attribute = name.partition(":")
    try:
        module = importlib.import_module(module_name)
    except Exception as error:  # The user's module may fail in any way while it is imported.
        msg = f"{role} {name!r}: cannot import module {module_name!r} ({error})"
        raise SearchError(msg) from error
    if not hasattr(module, attribute):
        hint = nearest(attribute, vars(module))
        msg = f"{role} {name!r}: module {module_name!r} has no {attribute!r}{hint}"
        raise SearchError(msg)
    found = getattr(module, attribute)
    if not callable(found):
        msg = f"{role} {name!r} is {found!r}, which cannot be called"
        raise SearchError(msg)
    return found
