import json
from pathlib import Path
from typing import Any

import pytest
import yaml
from typer.testing import CliRunner

from edgeprune.cli.app import app
from edgeprune.config.json_schema import FILES, json_schema

jsonschema = pytest.importorskip("jsonschema")

ROOT = Path(__file__).parents[2]
GOOD = [
    *(("pipeline", path) for path in sorted((ROOT / "examples").glob("*.yaml"))),
    *(("target", path) for path in sorted((ROOT / "targets").glob("*.yaml"))),
    *(("calibration", path) for path in sorted((ROOT / "calibration").glob("*.yaml"))),
]
PIPELINE = """
workload: {model: {name: resnet20}, data: {name: digits}}
budget: {latency: 0.5x}
"""
PROFILE = "{name: mine, kind: local}"


def _problems(kind: str, text: str) -> list[str]:
    validator = jsonschema.Draft202012Validator(json_schema(kind))
    return [problem.message for problem in validator.iter_errors(_read(text))]


def _read(text: str) -> Any:
    return yaml.load(text, Loader=yaml.SafeLoader)


@pytest.mark.parametrize("kind", FILES)
def test_it_is_a_schema(kind: str) -> None:
    jsonschema.Draft202012Validator.check_schema(json_schema(kind))


@pytest.mark.parametrize(("kind", "path"), GOOD, ids=lambda value: getattr(value, "stem", value))
def test_files_that_come_with_edgeprune_hold(kind: str, path: Path) -> None:
    assert _problems(kind, path.read_text()) == []


@pytest.mark.parametrize(
    "more",
    [
        "prune: {channel_multiple: 8}",
        "prune: {channel_multiple: {depthwise: 16}}",
        "search: {sampler: amc, options: {warmup: 5}}",
        "export: {formats: [onnx, tflite]}",
    ],
)
def test_what_load_pipeline_takes_holds(more: str) -> None:
    assert _problems("pipeline", PIPELINE + more) == []


@pytest.mark.parametrize(
    ("kind", "text"),
    [
        ("pipeline", PIPELINE + "serch: {}"),
        ("pipeline", PIPELINE + "search: {trials: 0}"),
        ("pipeline", PIPELINE + "export: {formats: [onxx]}"),
        ("pipeline", PIPELINE.replace("0.5x", "0.5")),
        ("pipeline", PIPELINE.replace("0.5x", "[0.7x, 5]")),
        ("pipeline", "budget: {latency: 0.5x}"),
        ("target", "{name: mine}"),
        ("target", "{extends: local, thread: 2}"),
        ("calibration", "{name: mine, images: 1}"),
    ],
)
def test_what_is_wrong_in_any_file_does_not(kind: str, text: str) -> None:
    assert _problems(kind, text)


def test_a_profile_that_extends_another_needs_nothing_else() -> None:
    assert _problems("target", PROFILE) == []
    assert _problems("target", "{extends: raspberry-pi-4, ssh: {user: me}}") == []


def test_the_command_writes_it_and_tells_how_a_file_names_it(tmp_path: Path) -> None:
    file = tmp_path / "edgeprune.schema.json"
    done = CliRunner().invoke(app, ["schema", "pipeline", "--output", str(file)])
    assert done.exit_code == 0
    assert done.output.strip() == f"# yaml-language-server: $schema={file}"
    assert json.loads(file.read_text()) == json_schema("pipeline")
