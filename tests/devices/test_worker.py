"""The code that runs on the device, held to what devices have."""

import ast
import sys
import time
from pathlib import Path

import pytest

import edgeprune.devices.worker
from edgeprune.devices.worker.timing import time_pairs

SOURCES = sorted(Path(edgeprune.devices.worker.__path__[0]).glob("*.py"))


def _imported(tree: ast.Module) -> set[str]:
    names = {
        alias.name.partition(".")[0]
        for node in ast.walk(tree)
        if isinstance(node, ast.Import)
        for alias in node.names
    }
    return names | {
        str(node.module).partition(".")[0]
        for node in ast.walk(tree)
        if isinstance(node, ast.ImportFrom) and node.level == 0
    }


@pytest.mark.parametrize("path", SOURCES, ids=lambda path: path.name)
def test_runs_on_python_3_8_with_numpy_and_a_runtime(path: Path):
    tree = ast.parse(path.read_text(), feature_version=(3, 8))
    assert _imported(tree) <= sys.stdlib_module_names | {"numpy", "onnxruntime", "tvm"}
    # Annotations such as `str | None` are only fine as long as nothing evaluates them.
    if any(isinstance(node, ast.AnnAssign | ast.FunctionDef) for node in ast.walk(tree)):
        assert "annotations" in [
            alias.name
            for node in tree.body
            if isinstance(node, ast.ImportFrom) and node.module == "__future__"
            for alias in node.names
        ]


def test_pairs_run_in_both_orders():
    order: list[str] = []
    time_pairs(lambda: order.append("a"), lambda: order.append("b"), pairs=64, seconds=60)
    pairs = ["".join(order[start : start + 2]) for start in range(0, 128, 2)]
    assert set(pairs) == {"ab", "ba"}


def test_each_model_gets_its_own_times():
    samples = time_pairs(lambda: time.sleep(0.02), lambda: None, pairs=5, seconds=60)
    assert {len(values) for values in samples.values()} == {5}
    assert min(samples["candidate"]) >= 20e6 > max(samples["candidate_cpu"])
    assert sorted(samples) == ["baseline", "baseline_cpu", "candidate", "candidate_cpu"]


def test_a_step_out_of_time_ends_after_the_pair_that_runs():
    samples = time_pairs(lambda: None, lambda: None, pairs=10, seconds=0)
    assert len(samples["candidate"]) == len(samples["baseline"]) == 1


def test_garbage_collection_is_as_before():
    import gc

    with pytest.raises(ZeroDivisionError):
        time_pairs(lambda: 1 / 0, lambda: 1 / 0, pairs=1, seconds=1)
    assert gc.isenabled()
