"""How deep a record may be nested: what came in must be able to go out again."""

from typing import Any

from edgeprune.history.errors import HistoryError

#: Ours have five levels; writers of JSON give up at a few hundred.
DEEPEST = 32


def check_nesting(value: Any) -> None:
    """Check that lists and mappings lie no more than so deep in one another.

    Raises:
        HistoryError: they do.
    """
    level = [value]
    for _ in range(DEEPEST):
        inside = [one for one in level if isinstance(one, dict | list)]
        if not inside:
            return
        level = [
            each for one in inside for each in (one.values() if isinstance(one, dict) else one)
        ]
    msg = f"it is nested more than {DEEPEST} levels deep"
    raise HistoryError(msg)
