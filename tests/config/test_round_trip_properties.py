"""Whatever a pipeline says, what is written of it loads to the same one."""

from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from edgeprune.config import PipelineConfig, dump_pipeline, load_pipeline
from edgeprune.config.document import Document
from edgeprune.config.overrides import with_value
from edgeprune.config.paths import escape_variables, expand_variables
from edgeprune.config.yaml_rules import Dumper
from tests.config.drawn_sections import OWN, TEXTS, pipelines


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("pipelines")


@settings(max_examples=15)
@given(config=pipelines())
def test_a_written_pipeline_loads_to_the_same_one(folder: Path, config: PipelineConfig) -> None:
    path = folder / "pipeline.yaml"
    text = dump_pipeline(config)
    path.write_text(text, encoding="utf-8")
    again = load_pipeline(path)
    assert again == config
    assert dump_pipeline(again) == text


@given(value=st.dictionaries(TEXTS, OWN, max_size=3))
def test_written_values_are_read_as_the_same_values(value: dict[str, Any]) -> None:
    text = yaml.dump(value, Dumper=Dumper, sort_keys=False, allow_unicode=True, width=100)
    document = Document(text, "pipeline.yaml")
    assert not document.problems
    # The texts, too: a 1 that comes back as True or 1.0 is another value.
    assert repr(document.value) == repr(value)


@pytest.mark.parametrize("text", ["a\x85b", "\x85"])
def test_the_next_line_character_survives(text: str) -> None:
    written = yaml.dump({"key": text}, Dumper=Dumper, allow_unicode=True)
    assert Document(written, "pipeline.yaml").value == {"key": text}


@given(text=(TEXTS | st.text("${}ab:-")).filter(lambda text: "\0" not in text))
def test_an_escaped_text_expands_to_itself(text: str) -> None:
    assert expand_variables(escape_variables(text)) == text


@given(value=st.dictionaries(TEXTS, OWN, max_size=3), path=st.lists(TEXTS, max_size=3), new=OWN)
def test_setting_a_value_leaves_everything_else(
    value: dict[str, Any], path: list[str], new: Any
) -> None:
    before = repr(value)
    changed = with_value(value, tuple(path), new)
    assert repr(value) == before
    if not path:
        assert changed == new
        return
    assert {key: one for key, one in changed.items() if key != path[0]} == {
        key: one for key, one in value.items() if key != path[0]
    }
    assert with_value(changed, tuple(path), new) == changed
