"""The base's layers beside the result's: channels from the files, times from the profiles."""

from dataclasses import asdict
from typing import Any

import numpy as np
import onnx
from onnx import helper, numpy_helper

from edgeprune.devices import LayerTime
from edgeprune.pipeline.layers import layer_rows


def _file(stem: int, wide: int) -> bytes:
    """A convolution, a depthwise one, a ReLU and a linear layer."""
    weights = {
        "stem.weight": (stem, 3, 3, 3),
        "deep.weight": (stem, 1, 3, 3),
        "head.weight": (wide, stem),
    }
    nodes = [
        helper.make_node("Conv", ["input", "stem.weight"], ["a"], name="/stem/Conv"),
        helper.make_node("Conv", ["a", "deep.weight"], ["b"], name="/deep/Conv", group=stem),
        helper.make_node("Relu", ["b"], ["c"], name="/Relu"),
        helper.make_node("Gemm", ["c", "head.weight"], ["output"], name="/head/Gemm"),
    ]
    tensors = [
        numpy_helper.from_array(np.zeros(shape, np.float32), name)
        for name, shape in weights.items()
    ]
    graph = helper.make_graph(nodes, "graph", [], [], tensors)
    return bytes(onnx.ModelProto(graph=graph).SerializeToString())


def _rows(before: list[LayerTime], after: list[LayerTime]) -> list[dict[str, Any]]:
    return [asdict(row) for row in layer_rows(_file(16, 10), _file(6, 10), before, after)]


BASE = [
    LayerTime("/stem/Conv", "Conv", 2.0),
    LayerTime("/deep/Conv", "Conv", 1.0),
    LayerTime("/Relu", "Relu", 0.5),
    LayerTime("/head/Gemm", "Gemm", 0.25),
]


def test_a_layer_has_its_modules_name_and_channels_before_and_after() -> None:
    rows = _rows(BASE, [LayerTime("/stem/Conv", "Conv", 0.75)])
    assert rows[0] == {
        "name": "stem",
        "op": "Conv",
        "before_ms": 2.0,
        "after_ms": 0.75,
        "before_channels": "3->16",
        "after_channels": "3->6",
    }


def test_the_channels_of_a_depthwise_layer_are_all_of_its_groups() -> None:
    row = _rows(BASE, BASE)[1]
    assert (row["before_channels"], row["after_channels"]) == ("16->16", "6->6")


def test_the_channels_of_a_linear_layer_are_inputs_and_outputs() -> None:
    row = _rows(BASE, BASE)[3]
    assert (row["name"], row["before_channels"], row["after_channels"]) == (
        *("head", "16->10", "6->10"),
    )


def test_a_layer_without_weights_keeps_its_nodes_name_and_has_no_channels() -> None:
    row = _rows(BASE, BASE)[2]
    assert (row["name"], row["op"]) == ("/Relu", "Relu")
    assert row["before_channels"] is None and row["after_channels"] is None


def test_rows_follow_the_base_and_what_only_the_result_runs_comes_last() -> None:
    reorder = LayerTime("reorder", "ReorderInput", 0.1)
    rows = _rows(BASE, [reorder, *BASE[::-1]])
    assert [row["name"] for row in rows] == ["stem", "deep", "/Relu", "head", "reorder"]
    assert rows[-1] == {
        "name": "reorder",
        "op": "ReorderInput",
        "before_ms": None,
        "after_ms": 0.1,
        "before_channels": None,
        "after_channels": None,
    }


def test_a_layer_that_the_result_does_not_run_has_no_time_there() -> None:
    rows = _rows(BASE, BASE[:1])
    assert [row["after_ms"] for row in rows] == [2.0, None, None, None]


def test_no_profile_gives_no_rows() -> None:
    assert _rows([], []) == []
