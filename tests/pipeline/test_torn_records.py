"""Stage records that are torn or empty are done anew; those of another shape have an error."""

import random
import shutil
from pathlib import Path

import pytest

import edgeprune as ep
from edgeprune.errors import RunError
from edgeprune.pipeline.clusters import read_clusters
from edgeprune.pipeline.records import Finished
from edgeprune.pipeline.run_directory import RunDirectory
from edgeprune.pipeline.stages.probe import Probe

GOLDEN = Path(__file__).parent.parent / "golden" / "channels"


@pytest.fixture
def directory(tmp_path: Path) -> RunDirectory:
    shutil.copytree(GOLDEN / "stages", tmp_path / "run" / "stages")
    return RunDirectory(tmp_path / "run")


@pytest.mark.parametrize(("stage", "kind"), [("base", Finished), ("probe", Probe)])
def test_cut_anywhere_in_its_end_it_is_as_if_it_were_not_there(
    stage: str, kind: type, directory: RunDirectory, caplog: pytest.LogCaptureFixture
) -> None:
    path = directory.path / "stages" / f"{stage}.json"
    content = path.read_bytes().rstrip()
    first = max(0, len(content) - 4096)
    drawn = random.Random(0).sample(range(first, len(content)), 60)
    for cut in {0, first, len(content) - 1, *drawn}:
        path.write_bytes(content[:cut])
        caplog.clear()
        assert directory.record(stage, kind) is None and not directory.done(stage)
        assert f"stage {stage} is done anew" in caplog.text
    path.write_bytes(content)
    assert directory.record(stage, kind) is not None and directory.done(stage)


@pytest.mark.parametrize("content", ["[]", "7", '{"version": 2}', '{"version": 2, "base": []}'])
def test_another_shape_is_an_error_that_names_the_file(
    content: str, directory: RunDirectory
) -> None:
    (directory.path / "stages" / "probe.json").write_text(content)
    with pytest.raises(RunError, match=r"probe\.json is no record"):
        directory.record("probe", Probe)


@pytest.mark.parametrize("content", ["[" * 100_000, f'{{"points": {"9" * 400_000}}}', "\0" * 4096])
def test_nesting_numbers_and_zeros_without_end_are_torn_records(
    content: str, directory: RunDirectory
) -> None:
    (directory.path / "stages" / "probe.json").write_text(content)
    assert directory.record("probe", Probe) is None


def test_torn_clusters_are_none(tmp_path: Path) -> None:
    for content in ("", '[{"since": 1', "7"):
        (tmp_path / "clusters.json").write_text(content)
        assert read_clusters(tmp_path) == []


def test_a_run_with_torn_records_goes_on(tiny_pipeline: Path, tmp_path: Path) -> None:
    changes = ("search.trials=4", "finetune.epochs=0", "workload.train.epochs=1")
    whole = ep.run(tiny_pipeline, run_dir=tmp_path / "run", overrides=changes, progress=False)
    plan = (whole.directory / "plan.json").read_text()
    stages = whole.directory / "stages"
    for name in ("base", "probe", "result", "bundle"):
        content = (stages / f"{name}.json").read_bytes()
        (stages / f"{name}.json").write_bytes(content[: len(content) // 2])
    again = ep.resume(whole.directory, progress=False)
    assert (again.directory / "plan.json").read_text() == plan
    assert again.manifest["widths"] == whole.manifest["widths"]
