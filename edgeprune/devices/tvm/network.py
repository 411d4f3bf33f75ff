"""An ONNX file as TVM sees it, and the kernels that it falls into."""

import json
import os
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
import onnx

from edgeprune.devices.tvm.database import ONE_KERNEL
from edgeprune.devices.tvm.host import first_line, require_tvm, tvm_target
from edgeprune.errors import MeasurementError


@dataclass(frozen=True)
class KernelTask:
    """A kernel of a network: one loop nest of one shape, whatever is fused behind it.

    Attributes:
        name: what TVM calls it, such as ``fused_conv2d_add_relu``.
        workload: hash of the loops that take its time: equal ones are one kernel, whatever the
            network.
        weight: how often the network calls it, by TVM's count.
    """

    name: str
    workload: str
    weight: int


@dataclass(frozen=True)
class Network:
    """A network that TVM has read.

    Attributes:
        module: before its operators are fused: what a tuning database is applied to.
        tasks: its kernels, beside TVM's own form of each.
        inputs: name, shape and dtype of each input, in order.
    """

    module: Any
    tasks: tuple[tuple[KernelTask, Any], ...]
    inputs: tuple[dict[str, Any], ...]


def kernel_tasks(model: bytes, target: Mapping[str, object]) -> list[KernelTask]:
    """The kernels of an ONNX file, each shape once.

    Args:
        model: ONNX file.
        target: TVM's target.

    Raises:
        TargetError: TVM is missing or does not take the target.
        MeasurementError: TVM cannot read the model.
    """
    return [task for task, _ in read_network(model, target).tasks]


def read_network(model: bytes, target: Mapping[str, object]) -> Network:
    """Import an ONNX file and find its kernels; the last few are kept.

    Args:
        model: ONNX file; dimensions left open are taken as 1.
        target: TVM's target.

    Raises:
        TargetError: TVM is missing or does not take the target.
        MeasurementError: TVM cannot read the model.
    """
    return _read(model, json.dumps(dict(target), sort_keys=True))


@lru_cache(maxsize=4)
def _read(model: bytes, described: str) -> Network:
    tvm, target = require_tvm(), tvm_target(json.loads(described))
    from tvm import relax
    from tvm.relax.frontend.onnx import from_onnx
    from tvm.s_tir import meta_schedule

    try:
        graph = onnx.load_model_from_string(_folded(model))
        inputs = _inputs(graph.graph)
        module = from_onnx(graph, shape_dict={one["name"]: one["shape"] for one in inputs})
        transform = relax.transform
        with target:
            # Before the database is applied and before kernels are extracted alike, so that the
            # kernels that were tuned are those that are compiled.
            steps = [transform.DecomposeOpsForInference(), transform.CanonicalizeBindings()]
            module = tvm.transform.Sequential(steps)(module)
            fused = relax.get_pipeline("zero")(module)
        found = meta_schedule.relax_integration.extract_tasks(
            fused, target, module_equality=ONE_KERNEL
        )
    except Exception as error:
        msg = f"TVM cannot read the model: {first_line(error)}"
        raise MeasurementError(msg) from error
    tasks = [
        (KernelTask(str(one.task_name), _workload(one.dispatched[0]), int(one.weight)), one)
        for one in found
    ]
    return Network(module, tuple(tasks), tuple(inputs))


def _workload(loops: Any) -> str:
    import tvm_ffi
    from tvm.s_tir.analysis import find_anchor_sblock

    anchor = find_anchor_sblock(loops)
    whole = loops if anchor is None else anchor
    return f"{tvm_ffi.structural_hash(whole, map_free_vars=True) & (2**64 - 1):016x}"


def _folded(model: bytes) -> bytes:
    """The same network with batch norms folded into convolutions, which TVM does not do."""
    os.environ.setdefault("ORT_DISABLE_TELEMETRY", "1")
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.log_severity_level = 4
    options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_ENABLE_BASIC
    with tempfile.TemporaryDirectory(prefix="edgeprune-") as folder:
        path = Path(folder) / "folded.onnx"
        options.optimized_model_filepath = str(path)
        onnxruntime.InferenceSession(model, options, providers=["CPUExecutionProvider"])
        return path.read_bytes()


def _inputs(graph: Any) -> list[dict[str, Any]]:
    weights = {one.name for one in graph.initializer}
    found = []
    for entry in graph.input:
        if entry.name not in weights:
            kind = entry.type.tensor_type
            shape = [size.dim_value if size.dim_value > 0 else 1 for size in kind.shape.dim]
            dtype = np.dtype(onnx.helper.tensor_dtype_to_np_dtype(kind.elem_type)).str
            found.append({"name": entry.name, "shape": shape, "dtype": dtype})
    return found
