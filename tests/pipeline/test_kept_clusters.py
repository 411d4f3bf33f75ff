"""A pipeline with sampler bocr: its clusters reach the report, also after a resume."""

import json
from pathlib import Path

import edgeprune as ep
from edgeprune.pipeline.clusters import read_clusters
from tests.conftest import TINY

SETTINGS = [
    "search.sampler=bocr",
    "search.trials=12",
    "search.options={clusters: 2, initial: 4, anchors: 1, anchor_samples: 32}",
    "workload.train.epochs=1",
    "finetune.epochs=0",
]


def test_clusters_and_the_rollback_reach_the_report(tmp_path: Path) -> None:
    (tmp_path / "tiny.yaml").write_text(TINY)
    result = ep.run(
        tmp_path / "tiny.yaml", overrides=SETTINGS, run_dir=tmp_path / "run", progress=False
    )
    stages = read_clusters(result.directory / "search")
    assert len(set(stages[0]["groups"].values())) == 2
    assert 0 < stages[1]["since"] <= 6
    assert len(set(stages[1]["groups"].values())) == len(stages[1]["groups"])
    assert read_clusters(result.directory / "random") == []
    report = result.report.read_text()
    assert (
        "one keep ratio in common" in report
        and "untied: 2"
        in json.loads(report.split('id="figures">')[1].split("</script>")[0])["progress"]["layout"][
            "annotations"
        ][0]["text"]
    )
    # A finished search is not proposed again: what was kept stays.
    (result.directory / "stages" / "bundle.json").unlink()
    ep.resume(result.directory, progress=False)
    assert read_clusters(result.directory / "search") == stages
