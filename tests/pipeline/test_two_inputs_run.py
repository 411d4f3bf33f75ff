"""A whole pipeline of a network with two inputs: data, recovery, files, int8."""

import json
from pathlib import Path

import onnx
import pytest

import edgeprune as ep
from edgeprune.errors import UserError

PIPELINE = """\
workload:
  model: {{name: "tests.two_inputs:TwoInputs"}}
  data: {{name: "tests.two_inputs:pairs", args: {{named: {named}}}}}
  train: {{epochs: 4, lr: 0.05, batch_size: 16}}
target: simulated
budget: {{latency: 0.8x}}
search: {{sampler: knapsack, trials: 3}}
recover: {{images: 64, reconstruction: least_squares, recalibrate_bn: true}}
finetune: {{epochs: 1, lr: 0.02}}
export: {{precision: [float32, int8]}}
history: none
"""


@pytest.mark.parametrize(
    ("named", "inputs"),
    [("false", ["input.0", "input.1"]), ("true", ["image", "numbers"])],
)
def test_a_network_with_two_inputs(tmp_path: Path, named: str, inputs: list[str]) -> None:
    (tmp_path / "two.yaml").write_text(PIPELINE.format(named=named))
    result = ep.run(tmp_path / "two.yaml", run_dir=tmp_path / "run", progress=False)
    manifest = json.loads((result.directory / "manifest.json").read_text())
    assert result.met
    graph = onnx.load(result.directory / "model.onnx").graph
    assert [one.name for one in graph.input] == inputs
    base, best = (manifest[name]["verification"] for name in ("base", "result"))
    assert base["accuracy"] > 0.9 and best["accuracy"] > 0.8
    assert best["max_abs_difference"] < 1e-4 and best["images"] == 64
    (int8,) = manifest["artifacts"]
    assert int8["verification"]["top1_agreement"] > 0.9


def test_a_format_with_one_input_is_refused_before_anything_is_trained(tmp_path: Path) -> None:
    (tmp_path / "two.yaml").write_text(PIPELINE.format(named="false"))
    overrides = ["export.formats=[onnx,tflite]", "workload.train.epochs=1"]
    with pytest.raises(UserError, match=r"'tflite'.*one input; this one has 2: input\.0, input\.1"):
        ep.run(tmp_path / "two.yaml", run_dir=tmp_path / "run", progress=False, overrides=overrides)
    assert not (tmp_path / "run" / "contenders" / "base.safetensors").exists()
