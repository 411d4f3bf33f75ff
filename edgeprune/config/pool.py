"""What is wrong with a list of targets as one pool: its boards are of one type, each once."""

from collections.abc import Iterator, Sequence
from typing import Any

from edgeprune.config.target import TargetConfig

#: What latencies depend on, as profiles say it; what devices say of themselves is checked later.
_OF_A_TYPE = (
    *("architecture", "cpu", "glibc", "runtime", "runtime_options", "onnxruntime", "tflite", "tvm"),
    *("threads", "precision"),
)


def pool_problems(profiles: Sequence[TargetConfig]) -> Iterator[tuple[int, str]]:
    """What keeps profiles from being one pool.

    Args:
        profiles: in the order of the list.

    Yields:
        Which one is wrong, and what with it.
    """
    first, names, places = profiles[0], dict[str, int](), dict[Any, int]()
    for index, profile in enumerate(profiles):
        for name in _OF_A_TYPE if index else ():
            own, other = getattr(profile, name), getattr(first, name)
            if own != other:
                yield index, _differs(profile, first, name)
                break
        boards = profile.boards
        twice = next((one for one in map(_place, boards) if one in places), None)
        if twice is not None:
            other = profiles[places[twice]].name
            yield index, f"the same board twice: {_said(twice)} is {other!r} already"
        elif (same := next((one.name for one in boards if one.name in names), None)) is not None:
            yield (
                index,
                f"is called {same!r}, as another board of the pool: give each a name of its own",
            )
        for board in boards:
            places.setdefault(_place(board), index)
            names.setdefault(board.name, index)


def _differs(profile: TargetConfig, first: TargetConfig, name: str) -> str:
    own, other = getattr(profile, name), getattr(first, name)
    if hasattr(own, "model_dump"):
        mine, theirs = own.model_dump(), other.model_dump()
        key = next(key for key in mine if mine[key] != theirs[key])
        name, own, other = f"{name}.{key}", mine[key], theirs[key]
    return (
        f"boards of a pool are of one type: {profile.name!r} has {name} {own!r}, "
        f"{first.name!r} has {other!r}; allowed: the same"
    )


def _place(board: TargetConfig) -> tuple[Any, ...]:
    """Where a board is; of two equal ones there is one board."""
    if board.ssh is not None:
        return "ssh", board.ssh.address, board.ssh.port or 22, board.ssh.jump
    if board.command is not None:
        return "command", board.command.python
    if board.simulated is not None:  # as many as there are files, and more by `simulated.boards`
        return "simulated", board.name
    return (board.kind, *([board.board.machine] if board.board is not None else []))


def _said(place: tuple[Any, ...]) -> str:
    kind = place[0]
    if kind == "ssh":
        return f"{place[1]}, port {place[2]},"
    if kind == "command":
        return f"the command {' '.join(place[1])!r}"
    return {"local": "this machine", "simulated": f"the simulated {place[-1]!r}"}.get(
        kind, f"the {place[-1]} board"
    )
