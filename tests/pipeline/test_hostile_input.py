"""What can go wrong in a first hour, each with a sentence that helps."""

import subprocess
import sys
from pathlib import Path

import pytest

import edgeprune as ep
from edgeprune.config import load_pipeline
from edgeprune.errors import ConfigError, WorkloadError, nearest
from tests.conftest import TINY


def test_aliases_that_multiply_are_not_expanded(tmp_path: Path) -> None:
    lines = ["a0: &a0 [x, x, x, x, x, x, x, x, x]"]
    lines += [f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 9)}]" for n in range(1, 11)]
    (tmp_path / "bomb.yaml").write_text("\n".join(lines))
    with pytest.raises(ConfigError, match="aliases multiply"):
        load_pipeline(tmp_path / "bomb.yaml")


def test_a_number_of_trials_that_nothing_can_store(tmp_path: Path) -> None:
    (tmp_path / "tiny.yaml").write_text(TINY.replace("trials: 12", "trials: " + "9" * 31))
    with pytest.raises(ConfigError, match=r"search\.trials: must be .* at most 1000000"):
        load_pipeline(tmp_path / "tiny.yaml")


def test_a_ratio_without_its_x(tmp_path: Path) -> None:
    (tmp_path / "tiny.yaml").write_text(TINY.replace("0.6x", "0.6"))
    with pytest.raises(ConfigError, match=r"did you mean 0\.6x\?"):
        load_pipeline(tmp_path / "tiny.yaml")


def test_a_word_is_never_proposed_for_itself() -> None:
    assert nearest("shapes2", ["shapes2"]) == ""
    assert nearest("shapes2", ["shapes2", "shapes3"]) == "; did you mean 'shapes3'?"


def test_a_model_that_ends_the_program(tmp_path: Path) -> None:
    (tmp_path / "leaver.py").write_text("import sys\ndef net():\n    sys.exit(7)\n")
    text = TINY.replace("tests.models:tiny_cnn", "leaver:net").replace(", num_classes: 10", "")
    (tmp_path / "tiny.yaml").write_text(text)
    code = "import sys; sys.path.append(sys.argv.pop(1)); from edgeprune.cli.app import app; app()"
    done = subprocess.run(
        [sys.executable, "-c", code, str(tmp_path), "check", str(tmp_path / "tiny.yaml")],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 2 and "SystemExit: 7" in done.stdout


def test_a_forward_that_chooses_by_values(tmp_path: Path) -> None:
    text = TINY.replace("tiny_cnn", "Moody").replace("epochs: 3", "epochs: 1")
    (tmp_path / "tiny.yaml").write_text(text)
    with pytest.raises(WorkloadError, match="its forward chooses by the values of an image"):
        ep.run(tmp_path / "tiny.yaml", run_dir=tmp_path / "run", progress=False)


def test_classes_that_the_model_does_not_heed(tmp_path: Path) -> None:
    text = TINY.replace("tests.models:tiny_cnn", "tests.models:stubborn")
    (tmp_path / "tiny.yaml").write_text(text)
    with pytest.raises(
        WorkloadError, match="num_classes is 10 already, which the model's function"
    ):
        ep.run(tmp_path / "tiny.yaml", run_dir=tmp_path / "run", progress=False)
    assert not (tmp_path / "run").exists()
