"""The images of docker-bake.json, for an engine that has no buildx.

The file has the form that ``docker buildx bake --print`` gives, without variables, so there is
nothing to evaluate: what its targets leave out are the Dockerfiles' own defaults.
"""

import json
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Target:
    """One image.

    Attributes:
        name: of the target.
        dockerfile: path from the context.
        platform: such as ``linux/arm64``.
        tag: the image's name.
        args: build arguments.
    """

    name: str
    dockerfile: str
    platform: str
    tag: str
    args: dict[str, str]


def read_bake(path: Path) -> dict[str, Target]:
    """The targets of a bake file, by name."""
    return {
        name: Target(
            name, body["dockerfile"], body["platforms"][0], body["tags"][0], body.get("args", {})
        )
        for name, body in json.loads(path.read_text())["target"].items()
    }
