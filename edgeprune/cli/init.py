"""`edgeprune init`: a pipeline file for one's own model and images."""

from pathlib import Path

import typer
import yaml

from edgeprune.config.json_schema import json_schema
from edgeprune.errors import UserError
from edgeprune.files import write_atomic, write_json
from edgeprune.pipeline.proposal import Wishes, check_absent, propose
from edgeprune.terminal import say


def write_pipeline(wishes: Wishes, output: Path) -> None:
    """Write the file, the lists of images and the schema beside it; say what was found out.

    Raises:
        UserError: something cannot be used, or a file is there already.
    """
    folder = output.absolute().parent
    check_absent([output])
    proposal = propose(wishes, folder)
    lists = {folder / name: text for name, text in proposal.lists.items()}
    check_absent(list(lists))
    try:
        folder.mkdir(parents=True, exist_ok=True)
        for path, text in lists.items():
            write_atomic(path, text.encode())
        write_json(folder / "edgeprune.schema.json", json_schema("pipeline"))
        write_atomic(output, proposal.text.encode())
    except OSError as error:
        msg = f"{output} cannot be written: {error.strerror}"
        raise UserError(msg) from error
    for note in proposal.notes:
        say(note)
    say(f"written: {output}. Next: edgeprune check {output}; edgeprune run {output}")


def asked(option: str | None, question: str, default: str | None = None) -> str:
    """What an option says, or a person answers."""
    return option or str(typer.prompt(question, default=default, err=True))


def read_args(text: str | None) -> dict[str, object]:
    """Keyword arguments as a mapping in YAML.

    Raises:
        UserError: it is none.
    """
    try:
        found = yaml.safe_load(text or "{}")
    except yaml.YAMLError as error:
        msg = f"--args {text!r} is no YAML: {error}"
        raise UserError(msg) from error
    if not isinstance(found, dict):
        msg = f"--args is {text!r}; allowed: a mapping such as {{width: 0.5}}"
        raise UserError(msg)
    return found
