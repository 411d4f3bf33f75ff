"""Writing a pipeline so that it loads to the same one, from any folder."""

from pathlib import Path

import yaml

from edgeprune.config.overrides import with_value
from edgeprune.config.paths import escape_variables, path_texts
from edgeprune.config.pipeline import PipelineConfig
from edgeprune.config.yaml_rules import Dumper
from edgeprune.passwords import masked


def dump_pipeline(config: PipelineConfig) -> str:
    """The pipeline as YAML with every setting written out, defaults too.

    A run keeps this text: it says what happened even after a default has changed. Passwords in
    the history's address are masked.
    """
    value = config.model_dump(mode="json")
    value["history"] = masked(value["history"])
    target = value["target"]
    value["target"] = (
        escape_variables(target) if isinstance(target, str) else [*map(escape_variables, target)]
    )
    value["export"]["calibration"] = escape_variables(value["export"]["calibration"])
    for path, prefix, text in list(path_texts(value, PipelineConfig)):
        written = prefix + escape_variables(str(Path(text).absolute()))
        value = with_value(value, path, written)
    return yaml.dump(value, Dumper=Dumper, sort_keys=False, allow_unicode=True, width=100)
