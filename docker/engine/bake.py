"""docker-bake.hcl as `docker buildx bake` would read it, for an engine that has no buildx."""

import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import hcl2


@dataclass(frozen=True)
class Target:
    """One image.

    Attributes:
        name: of the target.
        dockerfile: path from the context.
        platform: such as ``linux/arm64``.
        tag: the image's name.
        args: build arguments, with the variables' defaults put in.
    """

    name: str
    dockerfile: str
    platform: str
    tag: str
    args: dict[str, str]


def read_bake(path: Path) -> dict[str, Target]:
    """The targets of a bake file, by name."""
    with path.open() as file:
        content = _plain(hcl2.load(file))
    defaults = {
        name: body["default"] for block in content["variable"] for name, body in block.items()
    }

    def filled(text: str) -> str:
        return re.sub(r"\$\{(\w+)\}", lambda found: defaults[found[1]], text)

    return {
        name: Target(
            name,
            body["dockerfile"],
            body["platforms"][0],
            body["tags"][0],
            {key: filled(value) for key, value in body.get("args", {}).items()},
        )
        for block in content["target"]
        for name, body in block.items()
    }


def _plain(value: Any) -> Any:
    """Without the quotes and marks that the parser leaves in."""
    if isinstance(value, dict):
        return {_plain(key): _plain(one) for key, one in value.items() if key != "__is_block__"}
    if isinstance(value, list):
        return [_plain(one) for one in value]
    return value.strip('"') if isinstance(value, str) else value
