"""Which module is at fault where a model does not run or cannot be exported."""

import io
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import torch
from torch import nn

from edgeprune.tensors import Inputs, call

#: Newest opset of PyTorch's tracing exporter that every runtime of the project reads.
OPSET = 17


@contextmanager
def quiet_export() -> Iterator[None]:
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


def failing_forward(model: nn.Module, inputs: Inputs) -> str:
    """The innermost module that was running when the forward pass failed."""
    running: list[nn.Module] = []
    handles = []
    for module in model.modules():
        handles.append(module.register_forward_pre_hook(lambda one, _: running.append(one)))
        handles.append(module.register_forward_hook(lambda *_: _drop_last(running)))
    try:
        with torch.no_grad():
            call(model, inputs)
    except Exception:
        return _named(model, running[-1] if running else model)
    finally:
        for handle in handles:
            handle.remove()
    return _named(model, model)


def _drop_last(running: list[nn.Module]) -> None:
    running.pop()


def failing_export(model: nn.Module, inputs: Inputs) -> str:
    """The innermost module that cannot be exported by itself on the inputs it gets."""
    given_to: dict[nn.Module, Any] = {}

    def remember(module: nn.Module, given: tuple[Any, ...]) -> None:
        if all(isinstance(one, torch.Tensor) for one in given):
            given_to.setdefault(module, given)

    handles = [module.register_forward_pre_hook(remember) for module in model.modules()]
    try:
        with torch.no_grad():
            call(model, inputs)
    except Exception:
        return _named(model, model)
    finally:
        for handle in handles:
            handle.remove()
    culprit = model
    while True:
        inner = next((one for one in culprit.children() if not _exports(one, given_to)), None)
        if inner is None:
            return _named(model, culprit)
        culprit = inner


def _exports(module: nn.Module, given_to: dict[nn.Module, Any]) -> bool:
    if module not in given_to:
        return True
    try:
        target: Any = io.BytesIO()
        with quiet_export():
            torch.onnx.export(module, given_to[module], target, dynamo=False, opset_version=OPSET)
    except Exception:
        return False
    return True


def _named(model: nn.Module, module: nn.Module) -> str:
    name = next((name for name, one in model.named_modules() if one is module), "")
    kind = type(module).__name__
    return f"module {name!r} ({kind})" if name else f"the model itself ({kind})"


def first_line(error: Exception) -> str:
    """An error's kind and the first line of what it says."""
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    return f"{type(error).__name__}: {lines[0]}" if lines else type(error).__name__
