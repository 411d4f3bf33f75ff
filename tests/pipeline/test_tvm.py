"""A pipeline whose latency is that of TVM's own kernels."""

import json
import sys
from pathlib import Path

import pytest

from edgeprune.errors import TargetError
from edgeprune.pipeline import run

pytest.importorskip("tvm.relax", reason="the extra `tvm` is not installed")

QUICK = ("search.trials=2", "finetune.epochs=0", "workload.train.epochs=1")


@pytest.mark.slow
def test_untuned_kernels_are_marked_where_they_are_allowed(
    tiny_pipeline: Path, tmp_path: Path
) -> None:
    profile = tmp_path / "tvm.yaml"
    profile.write_text(
        "{name: here, kind: local, runtime: tvm, tvm: {allow_untuned: true},"
        " measure: {warmup: 1, runs: 10}}"
    )
    changes = (*QUICK, f"target={profile}", f"history={tmp_path / 'history.db'}")
    result = run(tiny_pipeline, run_dir=tmp_path / "run", overrides=changes, progress=False)
    conditions = result.manifest["result"]["candidate"]["conditions"]
    assert conditions["runtime"] == "tvm" and len(conditions["untuned"]) > 3
    layers = result.manifest["layers"]
    assert {"Conv", "Gemm"} <= {one["op"] for one in layers}
    page = (tmp_path / "run" / "report.html").read_text()
    assert "kernels without a tuned schedule" in page


def test_another_machines_kernels_cannot_be_tuned_here(tiny_pipeline: Path, tmp_path: Path) -> None:
    profile = tmp_path / "far.yaml"
    profile.write_text(
        json.dumps(
            {
                "name": "far",
                "kind": "command",
                "command": {"python": [sys.executable]},
                "runtime": "tvm",
            }
        )
    )
    with pytest.raises(TargetError, match=r"'far'.*lend the device through a TVM tracker"):
        run(
            tiny_pipeline,
            run_dir=tmp_path / "run",
            overrides=[*QUICK, f"target={profile}"],
            progress=False,
        )
