"""Reading pipeline files and target profiles."""

from collections.abc import Sequence
from pathlib import Path
from typing import TypeVar

import yaml
from pydantic import ValidationError

import edgeprune
from edgeprune.config.document import Document, read_document
from edgeprune.config.problems import describe
from edgeprune.config.schema import PipelineConfig, Settings, TargetConfig
from edgeprune.config.values import expand_path
from edgeprune.errors import ConfigError, nearest

S = TypeVar("S", bound=Settings)


def load_pipeline(path: str | Path, overrides: Sequence[str] = ()) -> PipelineConfig:
    """Read a pipeline file.

    Args:
        path: the YAML file; paths in it are relative to its folder.
        overrides: settings that win over the file, like ``budget.latency=0.4x``.

    Raises:
        ConfigError: one line for each problem: file, line, key, value, what is allowed.
    """
    document = read_document(path)
    for setting in overrides:
        document.override(setting)
    return _validate(document, PipelineConfig, Path(path).absolute().parent)


def dump_pipeline(config: PipelineConfig) -> str:
    """YAML text that `load_pipeline` reads back as the same settings."""
    values = config.model_dump(mode="json", exclude_none=True)
    if config.budget.latency is not None:
        values["budget"]["latency"] = f"{config.budget.latency!r}x"
    return yaml.safe_dump(values, sort_keys=False)


def load_target(name_or_path: str, *, base: Path | None = None) -> TargetConfig:
    """Read a target profile.

    Args:
        name_or_path: a shipped profile's name, or the path of a YAML file.
        base: the folder a relative path starts from; the working directory by default.

    Raises:
        ConfigError: there is no such profile, or something in it is wrong.
    """
    if name_or_path.endswith((".yaml", ".yml")) or "/" in name_or_path:
        path = expand_path(name_or_path, base or Path.cwd())
    else:
        shipped = {file.stem: file for file in _profiles().glob("*.yaml")}
        if name_or_path not in shipped:
            msg = (
                f"target: unknown profile {name_or_path!r}; allowed: {', '.join(sorted(shipped))}, "
                f"or the path of a .yaml file{nearest(name_or_path, shipped)}"
            )
            raise ConfigError(msg)
        path = shipped[name_or_path]
    return _validate(read_document(path), TargetConfig, path.parent)


def _profiles() -> Path:
    """The shipped profiles: inside an installed package, beside it in a checkout."""
    package = Path(edgeprune.__file__).parent
    return next(
        (folder for folder in (package / "targets", package.parent / "targets") if folder.is_dir()),
        package / "targets",
    )


def _validate(document: Document, schema: type[S], base: Path) -> S:
    try:
        return schema.model_validate(document.values, context={"base": base})
    except ValidationError as error:
        raise ConfigError(describe(error, document, schema)) from None
