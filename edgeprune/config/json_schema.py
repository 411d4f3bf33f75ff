"""JSON Schemas of our YAML files, from which editors complete and check while one types."""

from typing import Any

from edgeprune.config.calibration import CalibrationConfig
from edgeprune.config.pipeline import PipelineConfig
from edgeprune.config.section import Section
from edgeprune.config.target import TargetConfig
from edgeprune.errors import ConfigError, nearest

#: The sections that our files hold, by the kind of file.
FILES: dict[str, type[Section]] = {
    "pipeline": PipelineConfig,
    "target": TargetConfig,
    "calibration": CalibrationConfig,
}


def json_schema(kind: str = "pipeline") -> dict[str, Any]:
    """The JSON Schema (draft 2020-12) of a kind of file, as it is written in YAML.

    It knows keys, types and ranges. What depends on several keys, or on files that are there, is
    checked by `load_pipeline` and `load_target` alone.

    Args:
        kind: ``pipeline``, ``target`` or ``calibration``.

    Raises:
        ConfigError: there is no such kind.

    Examples:
        >>> json_schema("pipeline")["required"]
        ['workload', 'budget']
        >>> json_schema("calibration")["properties"]["images"]["minimum"]
        2
    """
    if kind not in FILES:
        msg = f"unknown kind of file {kind!r}; allowed: {', '.join(FILES)}{nearest(kind, FILES)}"
        raise ConfigError(msg)
    schema = FILES[kind].model_json_schema()
    if kind == "target":
        _let_inherit(schema)
    title = f"edgeprune {kind} file"
    return {"$schema": "https://json-schema.org/draft/2020-12/schema", **schema, "title": title}


def _let_inherit(schema: dict[str, Any]) -> None:
    """What a profile needs may stand in the one it extends."""
    for section in schema["$defs"].values():
        section.pop("required", None)
    needed = schema.pop("required")
    schema["anyOf"] = [{"required": needed}, {"required": ["extends"]}]
