"""Export a model to an ONNX graph once."""

import inspect
import io
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import onnx
import torch
from torch import nn

from edgeprune.errors import FormError, SpaceError
from edgeprune.pruning.attributes import numbers_of
from edgeprune.pruning.blame import (
    OPSET,
    failing_export,
    failing_forward,
    first_line,
    quiet_export,
)
from edgeprune.pruning.graph import Graph
from edgeprune.pruning.missing_operators import missing_operators
from edgeprune.tensors import Inputs, call, flattened_inputs, flattened_outputs

#: Of one hidden unit, by torch's modes of recurrent layers.
_GATES = {"LSTM": 4, "GRU": 3, "RNN_TANH": 1, "RNN_RELU": 1}


def trace(model: nn.Module, inputs: Inputs, *, batch_axis: int | None = 0) -> Graph:
    """Export a model and read its graph.

    Args:
        model: in eval mode; left untouched.
        inputs: what it is given; the graph's shapes are those of this example.
        batch_axis: on which axis of the inputs the batch is, of 1; inputs that have another size
            there do not belong to it.

    Returns:
        The graph, with parameters under their state-dict names.

    Raises:
        SpaceError: the model does not run, gives back something else than tensors, or cannot be
            traced; the message names the module or the output.
    """
    outputs = run_once(model, inputs)
    saved = model.state_dict(keep_vars=True)
    names = []
    for name in outputs:
        while name in saved or name in names:
            name += "_"
        names.append(name)
    try:
        exported = _export(model, inputs, batch_axis, output_names=names)
    except Exception as error:
        culprit = failing_export(model, inputs)
        msg = f"{culprit} cannot be traced: {first_line(error)}"
        raise SpaceError(msg) from error
    return _graph(model, exported, inputs, batch_axis)


def trace_training_heads(model: nn.Module, inputs: Inputs) -> Graph | None:
    """The graph with the heads that a model only has in training, such as GoogLeNet's.

    Args:
        model: left untouched: only containers are told that they are training, so that no
            statistics change.
        inputs: what it is given.

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
        exported = _export(model, inputs, 0, output_names=None, operator_export_type=kind)
    except Exception:
        return None
    finally:
        for module, mode in zip(containers, modes, strict=True):
            module.training = mode
    return _graph(model, exported, inputs, 0)


def run_once(model: nn.Module, inputs: Inputs) -> dict[str, torch.Tensor]:
    """Run a model and name its outputs, with errors that name the module or output at fault.

    Raises:
        SpaceError: it fails, or gives back something else than tensors.
    """
    try:
        with torch.no_grad():
            outputs = call(model, inputs)
    except Exception as error:
        culprit = failing_forward(model, inputs)
        shapes = [tuple(one.shape) for one in flattened_inputs(inputs).values()]
        of = f"an input of shape {shapes[0]}" if len(shapes) == 1 else f"inputs of shapes {shapes}"
        msg = f"{culprit} fails on {of}: {first_line(error)}"
        raise SpaceError(msg) from error
    try:
        return flattened_outputs(outputs)
    except FormError as error:
        msg = f"what the model returns in eval mode cannot be used: {error}"
        raise SpaceError(msg) from error


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


def _graph(
    model: nn.Module, exported: onnx.ModelProto, inputs: Inputs, batch_axis: int | None
) -> Graph:
    given = _in_order(model, inputs)
    for value in exported.graph.input:
        for axis, size in enumerate(given[value.name].shape if value.name in given else ()):
            value.type.tensor_type.shape.dim[axis].dim_value = size
    saved = model.state_dict(keep_vars=True)
    unsaved = {
        name: buffer.detach().cpu().numpy()
        for name, buffer in model.named_buffers(remove_duplicate=False)
        if name not in saved
    }
    recurrent = {
        f"{name}.{own}" if name else own: _GATES[module.mode]
        for name, module in model.named_modules()
        if isinstance(module, nn.RNNBase)
        for own, _ in module.named_parameters(recurse=False)
    }
    return Graph(
        *(exported, saved, unsaved, numbers_of(model)),
        inputs=given,
        batched=_batched(given, batch_axis),
        recurrent=recurrent,
    )


def _batched(given: Mapping[str, torch.Tensor], batch_axis: int | None) -> dict[str, int]:
    """The axis of the batch of those inputs that have one."""
    if batch_axis is None:
        return {}
    return {
        name: batch_axis
        for name, one in given.items()
        if one.shape[batch_axis : batch_axis + 1] == (1,)
    }


def _export(
    model: nn.Module, inputs: Inputs, batch_axis: int | None, **settings: Any
) -> onnx.ModelProto:
    buffer: Any = io.BytesIO()  # a file object is fine, only the annotation says otherwise
    given = _in_order(model, inputs)
    by_name = isinstance(inputs, Mapping)
    free = _batched(given, batch_axis)
    asked: dict[str, Any] = {
        "dynamo": False,  # the tracer: keeps parameter names, and is three times faster
        "export_params": False,  # weights are filled in for each candidate
        "training": torch.onnx.TrainingMode.PRESERVE,
        "do_constant_folding": False,
        "opset_version": OPSET,
        "input_names": list(given),
        "dynamic_axes": {name: {axis: "batch"} for name, axis in free.items()},
        "kwargs": given if by_name else None,
    }
    positional = () if by_name else tuple(given.values())
    # The tracer knows tuples of tensors; whatever else a model gives back is made one here.
    flattening = model.register_forward_hook(
        lambda _, given, found: tuple(flattened_outputs(found).values())
    )
    try:
        with quiet_export(), missing_operators(OPSET):
            torch.onnx.export(model, positional, buffer, **(asked | settings))
    finally:
        flattening.remove()
    return onnx.load_from_string(buffer.getvalue())


def _in_order(model: nn.Module, inputs: Inputs) -> dict[str, torch.Tensor]:
    """The inputs by name, those given by an argument's name in the order of the arguments."""
    given = flattened_inputs(inputs)
    if not isinstance(inputs, Mapping):
        return given
    arguments = [*inspect.signature(model.forward).parameters, *given]
    return {name: given[name] for name in sorted(given, key=arguments.index)}
