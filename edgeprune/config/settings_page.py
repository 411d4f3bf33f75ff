"""The page of all settings, docs/settings.md: ``python -m edgeprune.config.settings_page FILE``."""

import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Literal, get_args, get_origin

import yaml
from pydantic.fields import FieldInfo

from edgeprune.config.budget import ALLOWED
from edgeprune.config.json_schema import FILES
from edgeprune.config.multiples import ChannelMultiples
from edgeprune.config.schema import find, section_of
from edgeprune.config.section import Section
from edgeprune.config.yaml_rules import Dumper

_INTRODUCTION = """\
<!-- Written by `make docs` from edgeprune/config; edit the descriptions there. -->
# Settings

Every key of the three kinds of YAML file. An unknown key, a wrong type or a value out of range
stops a run before anything is computed, with the line, the value, what is allowed and the nearest
key. `edgeprune run FILE --set KEY=VALUE` overrides any key of a pipeline by its dotted name:
`--set search.trials=20`.

Files are YAML 1.2. Relative paths are relative to the file; `~`, `${VAR}` and `${VAR:-default}` are
expanded in paths.

An editor with the YAML language server completes keys and shows these texts. Write the schema once,
by `edgeprune schema pipeline --output edgeprune.schema.json` (or `target`, `calibration`), and
begin the file with

```yaml
# yaml-language-server: $schema=edgeprune.schema.json
```
"""

_FILES = {
    "pipeline": (
        "Pipeline file",
        "What `edgeprune run` takes. `workload` and `budget` are needed, all else has a default.",
    ),
    "target": (
        "Target profile",
        "A device: [Targets](devices.md). What a profile with `extends` leaves out is inherited.",
    ),
    "calibration": (
        "Calibration recipe",
        "Which images an int8 file is fitted to, and how; `export.calibration` names one: "
        "[Formats](formats.md).",
    ),
}

#: What a file takes where the types in Python tell something else.
_TAKES: dict[tuple[str, str], str] = {
    ("BudgetConfig", name): f"{text}; null" for name, text in ALLOWED.items()
}

_HEAD = "| key | meaning | takes | default | example |\n|---|---|---|---|---|\n"


def settings_page() -> str:
    """The page as Markdown."""
    parts = [_INTRODUCTION]
    for kind, (title, text) in _FILES.items():
        parts.append(f"## {title}\n\n{text}\n\n{_table(FILES[kind])}")
        for path, section in _sections(FILES[kind], ()):
            parts.append(f"### {'.'.join(path)}\n\n{section.__doc__}\n\n{_table(section)}")
    return "\n".join(parts)


def examples(field: FieldInfo) -> list[Any]:
    """Values that a file could hold here: those the field names, else another than its default.

    Where nothing else is known to be allowed, the default.
    """
    if field.examples or field.is_required():
        return list(field.examples or ())
    default = _default(field)
    if isinstance(default, bool):
        return [not default]
    others = [word for word in get_args(field.annotation) if word != default]
    return others[:1] if get_origin(field.annotation) is Literal else [default]


def _sections(top: type[Section], path: tuple[str, ...]) -> Iterator[tuple[Any, type[Section]]]:
    for name, field in top.model_fields.items():
        if (section := section_of(field)) is not None and section is not ChannelMultiples:
            yield (*path, name), section
            yield from _sections(section, (*path, name))


def _table(section: type[Section]) -> str:
    return _HEAD + "".join(_row(section, *item) for item in section.model_fields.items())


def _row(section: type[Section], name: str, field: FieldInfo) -> str:
    held = section_of(field)
    if held is ChannelMultiples:
        default = "`null`" if field.default is None else "`1`"
        kinds = ", ".join(ChannelMultiples.model_fields)
        takes = f"a whole number at least 1, or a section with keys from {kinds}"
        shown = [_code(one) for one in examples(field)]
    elif held is not None:
        optional = "" if field.is_required() else "`null`" if field.default is None else "its own"
        default, takes, shown = optional or "needed", "a section", []
    else:
        default = "needed" if field.is_required() else _code(_default(field))
        takes = _TAKES.get((section.__name__, name), find(section, (name,)).expected)
        shown = [_code(one) for one in examples(field)]
    cells = (f"`{name}`", str(field.description), takes, default, " or ".join(shown))
    return "| " + " | ".join(cell.replace("|", "\\|") for cell in cells) + " |\n"


def _default(field: FieldInfo) -> Any:
    return _plain(field.get_default(call_default_factory=True))


def _plain(value: Any) -> Any:
    return list(value) if isinstance(value, tuple) else value


def _code(value: Any) -> str:
    text = yaml.dump(value, Dumper=Dumper, default_flow_style=True, width=1000, sort_keys=False)
    text = text.removesuffix("...\n").strip()
    return f"`{text}`"


if __name__ == "__main__":
    Path(sys.argv[1]).write_text(settings_page(), encoding="utf-8")
