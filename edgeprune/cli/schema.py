"""`edgeprune schema`: the JSON Schema of a kind of file, for editors."""

from pathlib import Path

from edgeprune.cli.outcomes import print_json
from edgeprune.config.json_schema import json_schema
from edgeprune.errors import ConfigError
from edgeprune.files import write_json
from edgeprune.terminal import say


def write_schema(kind: str, output: Path | None) -> None:
    """Print a schema, or write it and print the comment by which a YAML file names it.

    Args:
        kind: of file: ``pipeline``, ``target`` or ``calibration``.
        output: where to write it; None: standard output.

    Raises:
        ConfigError: there is no such kind, or the file cannot be written.
    """
    found = json_schema(kind)
    if output is None:
        print_json(found)
        return
    try:
        write_json(output, found)
    except OSError as error:
        msg = f"{output} cannot be written: {error.strerror}"
        raise ConfigError(msg) from error
    say(f"# yaml-language-server: $schema={output}")
