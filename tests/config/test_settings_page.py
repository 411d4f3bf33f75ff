"""docs/settings.md is what the schemas say, and every key in it can be understood and tried."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from pydantic.fields import FieldInfo

from edgeprune.config.json_schema import FILES
from edgeprune.config.schema import section_of
from edgeprune.config.section import Section
from edgeprune.config.settings_page import examples, settings_page

PAGE = Path(__file__).parents[2] / "docs" / "settings.md"

#: What a section needs beside the key that is tried.
NEEDED: dict[str, dict[str, Any]] = {
    "TargetConfig": {"name": "mine", "kind": "local"},
    "DataConfig": {"name": "digits"},
    "ModelConfig": {"name": "resnet20"},
    "SshConfig": {"host": "board"},
    "TvmRpcConfig": {"key": "board"},
    "CalibrationConfig": {"name": "mine"},
    "ExecutionConfig": {"engine": "ray"},
}


def _fields(section: type[Section]) -> Iterator[tuple[type[Section], str, FieldInfo]]:
    for name, field in section.model_fields.items():
        held = section_of(field)
        yield section, name, field
        if held is not None:
            yield from _fields(held)


EACH = [
    pytest.param(*one, id=f"{one[0].__name__}.{one[1]}")
    for top in FILES.values()
    for one in _fields(top)
]


def test_the_page_is_up_to_date() -> None:
    assert PAGE.read_text() == settings_page(), "run `make docs`: settings were changed"


@pytest.mark.parametrize(("section", "name", "field"), EACH)
def test_every_key_is_described_and_its_examples_are_allowed(
    section: type[Section], name: str, field: FieldInfo
) -> None:
    assert field.description
    is_plain_section = section_of(field) is not None and not field.examples
    assert is_plain_section or examples(field)
    for example in () if is_plain_section else examples(field):
        written = NEEDED.get(section.__name__, {}) | {name: example}
        if section.__name__ == "PipelineConfig":
            data = {"model": {"name": "resnet20"}, "data": {"name": "digits"}}
            written |= {"workload": data, "budget": {"latency": "0.5x"}}
        if section.__name__ == "WorkloadConfig":
            written |= {"model": {"name": "resnet20"}, "data": {"name": "digits"}}
        if (section.__name__, name) == ("BudgetConfig", "accuracy_drop"):
            written |= {"latency": "0.5x"}
        if (section.__name__, name) == ("TargetConfig", "kind"):
            written |= {"ssh": {"host": "board"}}
        if (section.__name__, name) == ("SshConfig", "hosts"):
            del written["host"]
        section.model_validate(written, context={"written": True})
