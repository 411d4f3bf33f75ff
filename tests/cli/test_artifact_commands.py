"""`edgeprune export`, `verify` and `setup` as a shell sees them."""

import json
from pathlib import Path

import pytest
from click.testing import Result
from typer.testing import CliRunner

from edgeprune.cli.app import app
from edgeprune.pipeline import run


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    from tests.conftest import TINY

    path = tmp_path_factory.mktemp("artifacts")
    (path / "tiny.yaml").write_text(TINY)
    quick = ("search.trials=2", "finetune.epochs=0", "workload.train.epochs=1")
    run(path / "tiny.yaml", run_dir=path / "run", overrides=quick, progress=False)
    (path / "half.onnx").write_bytes((path / "run" / "model.onnx").read_bytes()[:999])
    return path


def _called(*arguments: object) -> Result:
    result = CliRunner().invoke(app, [str(one) for one in arguments])
    assert result.exception is None or isinstance(result.exception, SystemExit)
    return result


def test_verify_prints_json_for_programs(folder: Path) -> None:
    model = folder / "run" / "model.onnx"
    result = _called("verify", model, "--against", folder / "run", "--json")
    assert result.exit_code == 0
    assert json.loads(result.stdout)["top1_agreement"] == 1.0


def test_verify_tells_a_person_of_an_accuracy_at_chance(folder: Path) -> None:
    result = _called("verify", folder / "run" / "model.onnx", "--against", folder / "run")
    assert "top1 agreement" in result.stdout
    accuracy = float(result.stdout.split("accuracy")[1].split()[0])
    assert ("warning: its accuracy is that of chance" in result.stdout) == (accuracy < 0.147)


@pytest.mark.parametrize(
    ("arguments", "code", "said"),
    [
        (("verify", "half.onnx", "--against", "run"), 1, "not a whole ONNX file"),
        (("verify", "tiny.yaml", "--against", "run"), 2, "allowed: .onnx, .tflite, .so"),
        (("export", "run", "--format", "tflight"), 2, "did you mean 'tflite'"),
        (("setup", "tflight"), 2, "unknown part 'tflight'; allowed: tflite"),
    ],
)
def test_what_cannot_be_used_is_told(
    folder: Path, arguments: tuple[str, ...], code: int, said: str
) -> None:
    places = {"run": folder / "run", "half.onnx": folder / "half.onnx"}
    places["tiny.yaml"] = folder / "tiny.yaml"
    result = _called(*(places.get(one, one) for one in arguments))
    assert result.exit_code == code
    assert said in " ".join(result.stderr.split())
