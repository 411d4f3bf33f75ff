"""What fuzzing found, each as the smallest input that did it: all are refused by name now."""

import json
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper
from safetensors.torch import save

from edgeprune.config import SimulatedConfig, TargetConfig, load_pipeline, load_target
from edgeprune.devices import Comparison, open_device
from edgeprune.devices.answers import NonsenseError, checked
from edgeprune.devices.layer_names import layer_times
from edgeprune.devices.worker.onnx_runtime import Runtime
from edgeprune.devices.worker.serve import Worker
from edgeprune.errors import (
    ConfigError,
    MeasurementError,
    RunError,
    SpaceError,
    UserError,
    VerificationError,
)
from edgeprune.export import load_bundle
from edgeprune.export.formats.onnx import OnnxFormat
from edgeprune.export.formats.tflite import TfliteFormat
from edgeprune.files import sha256
from edgeprune.history import History
from edgeprune.history.exchange import export_lines
from edgeprune.pipeline.records import Manifest
from edgeprune.pruning import load_plan
from edgeprune.records import read_record
from tests.conftest import ROOT, TINY
from tests.models import tiny_cnn

PLAN = json.loads((ROOT / "tests/golden/channels/plan.json").read_text())
WEIGHTS = json.loads((ROOT / "tests/golden/weights/plan.json").read_text())


@pytest.mark.parametrize(
    ("setting", "told"),
    [
        ("trials: 0x" + "f" * 5000, r"search\.trials: a number of 5002 digits is too large"),
        ("trials: " + "9" * 400_000, r"search\.trials: a number of 400000 digits is too large"),
        ("trials: 12}\nprune: {min_keep: " + "1" * 400, "a number of 400 digits is too large"),
    ],
)
def test_numbers_too_long_to_show(setting: str, told: str, tmp_path: Path) -> None:
    (tmp_path / "p.yaml").write_text(TINY.replace("trials: 12", setting))
    with pytest.raises(ConfigError, match=told):
        load_pipeline(tmp_path / "p.yaml")


def test_values_that_cannot_be_printed(tmp_path: Path) -> None:
    (tmp_path / "p.yaml").write_text('budget: ["\\ud800"]')
    with pytest.raises(ConfigError, match="budget: must be a section") as refused:
        load_pipeline(tmp_path / "p.yaml")
    assert "\\ud800" in str(refused.value).encode().decode()


def test_names_too_long_for_a_file(tmp_path: Path) -> None:
    (tmp_path / "p.yaml").write_text(TINY.replace("target: simulated", "target: /" + "b" * 5000))
    with pytest.raises(ConfigError, match=r"p\.yaml:5:9: target: .*File name too long"):
        load_pipeline(tmp_path / "p.yaml")
    (tmp_path / "t.yaml").write_text(f"extends: {'b' * 300}.yaml\nname: x\nkind: local\n")
    with pytest.raises(ConfigError, match=r"extends: .*File name too long"):
        load_target(str(tmp_path / "t.yaml"))


@pytest.mark.parametrize(
    "change",
    [
        {"slices": {"conv1.weight": {"9": [0]}}},
        {"slices": {"conv1.weight": {"0": [99]}}},
        {"slices": {"conv1.weight": {"0": [-1]}}},
        {"slices": {"conv1.weight": {"0": [2**70]}}},
        {"slices": {"conv1.weight": {"0": [0] * 100}}},
        {"edits": [{"name": "nothing", "kind": "pass"}]},
        {"edits": [{"name": "conv1.in_channels", "kind": "drop"}]},
        {"edits": [{"name": "", "kind": "narrow", "channels": 4}]},
        {"edits": [{"name": "conv1", "kind": "zeros", "channels": 10**15}]},
        {"edits": [{"name": "conv1", "kind": "narrow", "channels": -4}]},
    ],
    ids=str,
)
def test_plans_that_cut_what_is_not_there(change: dict[str, Any], tmp_path: Path) -> None:
    (tmp_path / "plan.json").write_text(json.dumps(PLAN | change))
    with pytest.raises(SpaceError, match=r"does not fit the model|plan\.json is no edgeprune plan"):
        load_plan(tmp_path / "plan.json").apply(tiny_cnn())


def test_plans_of_weights_of_layers_that_are_not_there(tmp_path: Path) -> None:
    (tmp_path / "plan.json").write_text(json.dumps(WEIGHTS | {"kept": {"conv1": 2**63}}))
    with pytest.raises(SpaceError, match="is no edgeprune plan of single weights"):
        load_plan(tmp_path / "plan.json")
    for kept in ({"nothing": 3}, {"stem": 3}):
        (tmp_path / "plan.json").write_text(json.dumps(WEIGHTS | {"kept": kept}))
        with pytest.raises(SpaceError, match=r"it has no layer '(nothing|stem)' with weights"):
            load_plan(tmp_path / "plan.json").apply(tiny_cnn())


@pytest.mark.parametrize("text", ["[" * 100_000, '{"a":' * 100_000], ids=["lists", "mappings"])
def test_files_nested_without_end(text: str, tmp_path: Path) -> None:
    path = tmp_path / "file.json"
    path.write_text(text)
    with pytest.raises(SpaceError, match="is no edgeprune plan"):
        load_plan(path)
    with pytest.raises(RunError, match="is no record of edgeprune"):
        read_record(path, Manifest)


def _bundle(folder: Path, weights: bytes, model: Any) -> Path:
    files = {"weights.safetensors": weights, "plan.json": json.dumps(PLAN).encode()}
    for name, content in {**files, "model.onnx": b""}.items():
        (folder / name).write_bytes(content)
    digests = {path.name: {"sha256": sha256(path)} for path in folder.iterdir()}
    (folder / "manifest.json").write_text(json.dumps({"files": digests, "model": model}))
    return folder


def test_bundles_whose_weights_are_damaged_though_their_digest_is_right(tmp_path: Path) -> None:
    with pytest.raises(RunError, match=r"the weights of .* do not fit the model"):
        load_bundle(_bundle(tmp_path, b"\x08" + b"\0" * 20, {}), build=tiny_cnn)


@pytest.mark.parametrize("model", [{}, {"name": 3}, {"name": "resnet20", "shortcut": "C"}], ids=str)
def test_bundles_that_name_no_model(model: Any, tmp_path: Path) -> None:
    with pytest.raises(RunError, match=r"manifest\.json names no model"):
        load_bundle(_bundle(tmp_path, save({}), model))


def test_times_that_no_float_holds() -> None:
    measured = {"samples_ms": [1.0], "build_ms": 10**400, "conditions": {}}
    pair = {"candidate": measured, "baseline": measured}
    with pytest.raises(ValueError, match="too large to convert to float"):
        Comparison.from_json(pair)


def test_records_of_a_history_that_could_not_be_exported_again(tmp_path: Path) -> None:
    from edgeprune.cli.history_views import import_file
    from tests.history.example import remember

    with History.open(str(tmp_path / "one.db")) as kept:
        remember(kept, trials=1)
        lines = list(export_lines(kept))
    deep: Any = 1
    for _ in range(300):
        deep = [deep]
    trial = json.loads(lines[-1])
    trial["record"]["outcome"]["details"] = deep
    (tmp_path / "file").write_text("\n".join([*lines[:-1], json.dumps(trial)]))
    with (
        History.open(str(tmp_path / "other.db")) as kept,
        pytest.raises(UserError, match=f"line {len(lines)}: it is nested more than 32 levels deep"),
    ):
        import_file(kept, tmp_path / "file")


def _net(node: Any, shape: Any = (1, 3, 8, 8), opset: str = "", weights: Any = ()) -> bytes:
    values = [
        helper.make_tensor_value_info("x", TensorProto.FLOAT, shape),
        helper.make_tensor_value_info("y", TensorProto.FLOAT, shape),
    ]
    graph = helper.make_graph([node], "net", values[:1], values[1:], list(weights))
    opsets = [helper.make_opsetid(opset, 17)]
    return bytes(helper.make_model(graph, opset_imports=opsets, ir_version=8).SerializeToString())


SIMULATED = TargetConfig(name="made up", kind="simulated", simulated=SimulatedConfig())


@pytest.mark.parametrize(
    ("content", "told"),
    [
        (_net(helper.make_node("Conv", ["x"], ["y"])), "inputs or outputs are no Conv's"),
        (_net(helper.make_node("Neg", ["x"], ["y"]), (1, 2**62, 2**62)), "its shapes ask for"),
        (_net(helper.make_node("Neg", ["x"], ["y"]), (1, -5, 7)), "'y' has a negative size"),
    ],
    ids=["weights", "huge", "negative"],
)
def test_networks_that_have_no_cost(content: bytes, told: str) -> None:
    with open_device(SIMULATED) as device, pytest.raises(MeasurementError, match=told):
        device.compare(content, content)


def test_a_network_that_names_no_opset(tmp_path: Path) -> None:
    path = tmp_path / "model.onnx"
    path.write_bytes(_net(helper.make_node("Neg", ["x"], ["y"]), opset="other"))
    with pytest.raises(VerificationError, match=r"model\.onnx cannot be read: .* of which opset"):
        OnnxFormat().lint(path)


def test_layer_times_of_a_file_that_is_none() -> None:
    with pytest.raises(MeasurementError, match="not an ONNX file whose layers have names"):
        layer_times(b"ORTM", [("a", "Conv", [1.0])])


def test_a_network_without_inputs(tmp_path: Path) -> None:
    one = helper.make_tensor("one", TensorProto.FLOAT, [1], [1.0])
    model = onnx.load_model_from_string(
        _net(helper.make_node("Neg", ["one"], ["y"]), [1], "", [one])
    )
    del model.graph.input[:]
    path = tmp_path / "model.onnx"
    onnx.save(model, path)
    with pytest.raises(VerificationError, match="has no input or no output"):
        OnnxFormat().run(path)


def test_an_input_that_fills_the_memory_of_a_device() -> None:
    worker = Worker(Runtime, {"threads": 1})
    worker.start()
    worker.put("it", _net(helper.make_node("Neg", ["x"], ["y"]), (1, 2**20, 2**20)))
    answer = worker.answer({"step": "build", "model": "it"})
    assert answer["failure"] == "build" and "more than 67108864 numbers" in answer["message"]


TFLITE: list[tuple[Callable[[Any], None], str]] = [
    (lambda model: model.subgraphs[0].inputs.clear(), "no input or no output"),
]


@pytest.mark.parametrize(("change", "told"), TFLITE)
def test_tflite_files_that_are_not_whole(
    change: Callable[[Any], None], told: str, tmp_path: Path
) -> None:
    import flatbuffers
    from ai_edge_litert import schema_py_generated as schema

    from edgeprune.devices.known_tflite import small_tflite_net

    model = schema.ModelT.InitFromPackedBuf(small_tflite_net(1, size=4), 0)
    model.subgraphs[0].inputs = list(model.subgraphs[0].inputs)
    change(model)
    builder = flatbuffers.Builder(1024)
    builder.Finish(model.Pack(builder), b"TFL3")
    path = tmp_path / "model.tflite"
    path.write_bytes(bytes(builder.Output()))
    with pytest.raises(VerificationError, match=told):
        TfliteFormat().run(path)(np.zeros((1, 3, 4, 4), np.float32))


def test_a_long_list_of_nonsense_is_refused_at_its_first_value() -> None:
    sides = ("candidate", "baseline", "candidate_cpu", "baseline_cpu")
    answer = {side: [1.0] for side in sides}
    begin = time.process_time()
    with pytest.raises(NonsenseError, match=r"baseline_cpu\.1 = None: Input should be a valid"):
        checked("measure", {**answer, "baseline_cpu": [1.0, *[None] * 2_000_000]})
    assert time.process_time() - begin < 1


def test_a_worker_that_lacks_what_it_was_never_sent() -> None:
    with pytest.raises(NonsenseError, match=r"answered 'start' with pid = .*: Field required"):
        checked("start", {"missing": ["0" * 64]})
