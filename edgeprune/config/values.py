"""Types of settings that need reading: paths, ratios with an ``x``, lists as tuples."""

import os
import re
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, ValidationInfo

_VARIABLE = re.compile(r"\$\{(\w+)(?::-([^}]*))?\}")


def expand_path(text: str, base: Path) -> Path:
    """An absolute path: ``~``, ``${VAR}`` and ``${VAR:-default}`` filled in, relative to `base`.

    Raises:
        ValueError: a variable is not set and has no default.
    """

    def fill(match: re.Match[str]) -> str:
        value = os.environ.get(match[1]) or match[2]
        if value is None:
            msg = f"the environment variable {match[1]} is not set"
            raise ValueError(msg)
        return value

    path = Path(_VARIABLE.sub(fill, text)).expanduser()
    return Path(os.path.normpath(base / path))


def _path(value: Any, info: ValidationInfo) -> Any:
    if not isinstance(value, str):
        return value
    base = (info.context or {}).get("base", Path.cwd())
    return expand_path(value, base)


def _weights(value: Any, info: ValidationInfo) -> Any:
    return value if value == "pretrained" else _path(value, info)


def _target(value: Any, info: ValidationInfo) -> Any:
    """A profile's name stays as it is; a profile's path becomes absolute."""
    if isinstance(value, str) and (value.endswith((".yaml", ".yml")) or "/" in value):
        return str(_path(value, info))
    return value


def _ratio(value: Any) -> Any:
    if not isinstance(value, str):
        return value
    if not re.fullmatch(r"\d*\.?\d+x", value.strip()):
        msg = f"{value!r} is no ratio"
        raise ValueError(msg)
    return float(value.strip()[:-1])


def _tuple(value: Any) -> Any:
    return tuple(value) if isinstance(value, list) else value


FilePath = Annotated[Path, BeforeValidator(_path)]
Weights = Annotated[Path | Literal["pretrained"], BeforeValidator(_weights)]
TargetName = Annotated[str, BeforeValidator(_target)]
Ratio = Annotated[float, BeforeValidator(_ratio)]
Globs = Annotated[tuple[str, ...], BeforeValidator(_tuple)]
Channels = Annotated[tuple[float, ...], BeforeValidator(_tuple)]
Formats = Annotated[tuple[Literal["onnx"], ...], BeforeValidator(_tuple)]
