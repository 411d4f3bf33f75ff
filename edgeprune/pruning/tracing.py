"""Export a model to an ONNX graph once, and name the module at fault where that fails."""

import io
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import onnx
import torch
from torch import nn

from edgeprune.errors import SpaceError
from edgeprune.pruning.attributes import numbers_of
from edgeprune.pruning.graph import Graph

#: Newest opset of PyTorch's tracing exporter that every runtime of the project reads.
OPSET = 17


def trace(model: nn.Module, image: torch.Tensor) -> Graph:
    """Export a model and read its graph.

    Args:
        model: in eval mode; left untouched.
        image: (1, C, H, W) float32; the graph's shapes are those of this image.

    Returns:
        The graph, with parameters under their state-dict names.

    Raises:
        SpaceError: the model does not run, returns no single tensor, or cannot be traced; the
            message names the module.
    """
    try:
        exported = _export(model, image)
    except Exception as error:
        run_once(model, image)  # if the model does not even run, that is the thing to say
        culprit = _failing_export(model, image)
        msg = f"{culprit} cannot be traced: {_first_line(error)}"
        raise SpaceError(msg) from error
    if len(exported.graph.output) > 1:
        run_once(model, image)
        msg = f"the model returns {len(exported.graph.output)} tensors; allowed: one"
        raise SpaceError(msg)
    return _graph(model, exported)


def trace_training_heads(model: nn.Module, image: torch.Tensor) -> Graph | None:
    """The graph with the heads that a model only has in training, such as GoogLeNet's.

    Args:
        model: left untouched: only containers are told that they are training, so that no
            statistics change.
        image: (1, C, H, W) float32.

    Returns:
        The graph, which is not meant to be run, or None where it cannot be traced.
    """
    containers = [module for module in model.modules() if any(True for _ in module.children())]
    modes = [module.training for module in containers]
    try:
        for module in containers:
            module.training = True
        # Falling through: what ONNX does not have is no obstacle to following channels.
        kind = torch.onnx.OperatorExportTypes.ONNX_FALLTHROUGH
        exported = _export(model, image, output_names=None, operator_export_type=kind)
    except Exception:
        return None
    finally:
        for module, mode in zip(containers, modes, strict=True):
            module.training = mode
    return _graph(model, exported)


def _graph(model: nn.Module, exported: onnx.ModelProto) -> Graph:
    exported.graph.input[0].type.tensor_type.shape.dim[0].dim_value = 1
    saved = model.state_dict(keep_vars=True)
    unsaved = {
        name: buffer.detach().cpu().numpy()
        for name, buffer in model.named_buffers(remove_duplicate=False)
        if name not in saved
    }
    return Graph(exported, saved, unsaved, numbers_of(model))


@contextmanager
def evaluating(model: nn.Module) -> Iterator[None]:
    """Set a model to eval mode and every module back to its own mode afterwards."""
    modes = [(module, module.training) for module in model.modules()]
    model.eval()
    try:
        yield
    finally:
        for module, mode in modes:
            module.training = mode


def _export(model: nn.Module, image: torch.Tensor, **settings: Any) -> onnx.ModelProto:
    buffer: Any = io.BytesIO()  # a file object is fine, only the annotation says otherwise
    asked: dict[str, Any] = {
        "dynamo": False,  # the tracer: keeps parameter names, and is three times faster
        "export_params": False,  # weights are filled in for each candidate
        "training": torch.onnx.TrainingMode.PRESERVE,
        "do_constant_folding": False,
        "opset_version": OPSET,
        "input_names": ["input"],
        "output_names": ["output"],
        "dynamic_axes": {"input": {0: "batch"}},
    }
    with _quiet():
        torch.onnx.export(model, (image,), buffer, **(asked | settings))
    return onnx.load_from_string(buffer.getvalue())


@contextmanager
def _quiet() -> Iterator[None]:
    """No warnings, and no dump of the whole graph to stdout when an export fails."""
    log = getattr(torch._C, "_jit_onnx_log", None)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        if log is not None:
            torch._C._jit_onnx_log = lambda *_: None
        try:
            yield
        finally:
            if log is not None:
                torch._C._jit_onnx_log = log


def run_once(model: nn.Module, images: torch.Tensor) -> torch.Tensor:
    """Run a model, with errors that name the module at fault.

    Raises:
        SpaceError: it fails, or returns something else than one tensor.
    """
    try:
        with torch.no_grad():
            output = model(images)
    except Exception as error:
        culprit = _failing_forward(model, images)
        msg = f"{culprit} fails on an input of shape {tuple(images.shape)}: {_first_line(error)}"
        raise SpaceError(msg) from error
    if not isinstance(output, torch.Tensor):
        msg = (
            f"the model returns {type(output).__name__}; allowed: one tensor of class scores in "
            f"eval mode"
        )
        raise SpaceError(msg)
    return output


def _failing_forward(model: nn.Module, images: torch.Tensor) -> str:
    """The innermost module that was running when the forward pass failed."""
    running: list[nn.Module] = []
    handles = []
    for module in model.modules():
        handles.append(module.register_forward_pre_hook(lambda one, _: running.append(one)))
        handles.append(module.register_forward_hook(lambda *_: _drop_last(running)))
    try:
        with torch.no_grad():
            model(images)
    except Exception:
        return _named(model, running[-1] if running else model)
    finally:
        for handle in handles:
            handle.remove()
    return _named(model, model)


def _drop_last(running: list[nn.Module]) -> None:
    running.pop()


def _failing_export(model: nn.Module, images: torch.Tensor) -> str:
    """The innermost module that cannot be exported by itself on the inputs it gets."""
    inputs: dict[nn.Module, Any] = {}

    def remember(module: nn.Module, given: tuple[Any, ...]) -> None:
        if all(isinstance(one, torch.Tensor) for one in given):
            inputs.setdefault(module, given)

    handles = [module.register_forward_pre_hook(remember) for module in model.modules()]
    try:
        with torch.no_grad():
            model(images)
    except Exception:
        return _named(model, model)
    finally:
        for handle in handles:
            handle.remove()
    culprit = model
    while True:
        inner = next((one for one in culprit.children() if not _exports(one, inputs)), None)
        if inner is None:
            return _named(model, culprit)
        culprit = inner


def _exports(module: nn.Module, inputs: dict[nn.Module, Any]) -> bool:
    if module not in inputs:
        return True
    try:
        target: Any = io.BytesIO()
        with _quiet():
            torch.onnx.export(module, inputs[module], target, dynamo=False, opset_version=OPSET)
    except Exception:
        return False
    return True


def _named(model: nn.Module, module: nn.Module) -> str:
    name = next((name for name, one in model.named_modules() if one is module), "")
    kind = type(module).__name__
    return f"module {name!r} ({kind})" if name else f"the model itself ({kind})"


def _first_line(error: Exception) -> str:
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    return f"{type(error).__name__}: {lines[0]}" if lines else type(error).__name__
