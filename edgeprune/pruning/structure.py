"""What is read from a model once: its graph, labels, groups and axes."""

import contextlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TypeAlias

import numpy as np
import torch
from torch import nn

from edgeprune.errors import SpaceError
from edgeprune.pruning.branches import Branch, find_branches
from edgeprune.pruning.costs import CostModel, Lengths
from edgeprune.pruning.flow import Flow, UnknownShapeError, Value
from edgeprune.pruning.groups import ChannelGroup, form_groups
from edgeprune.pruning.labels import Axes, Classes, Ids, Labels
from edgeprune.pruning.propagation import propagate
from edgeprune.pruning.tracing import trace, trace_training_heads
from edgeprune.tensors import Inputs

#: Weights and buffers themselves, by state-dict name.
State: TypeAlias = Mapping[str, torch.Tensor]


@dataclass(frozen=True, eq=False)
class Structure:
    """The structure of a model.

    Attributes:
        flow: the pass over its graph.
        classes: which channel labels are equal.
        groups: all channel groups.
        parameters: labels by state-dict name and axis of what counts as a parameter, tied ones
            once.
        never_cut: elements of the parameters that have no labels, by state-dict name.
        aliases: state-dict names of each tensor, by the name the graph uses.
        dynamic_batch: whether the graph runs on any batch size.
        branches: of its residual blocks, still without groups.
    """

    flow: Flow
    classes: Classes
    groups: tuple[ChannelGroup, ...]
    parameters: Mapping[str, Axes]
    never_cut: Mapping[str, int]
    aliases: Mapping[str, tuple[str, ...]]
    dynamic_batch: bool
    branches: tuple[Branch, ...]

    def axes_of(self, groups: Sequence[ChannelGroup]) -> list[tuple[list[tuple[str, int]], Ids]]:
        """Every axis that some groups cut; axes that are cut alike stand together.

        Returns:
            State-dict names and axes, with the label class of every position.
        """
        cut = np.zeros(self.classes.count, bool)
        for group in groups:
            cut[group.classes] = True
        found: dict[bytes, tuple[list[tuple[str, int]], Ids]] = {}
        for name, axes in self.flow.labels.parameters.items():
            for axis, ids in enumerate(axes):
                if ids is None:
                    continue
                classes = self.classes.of[ids]
                if not cut[classes].any():
                    continue
                alike, _ = found.setdefault(classes.tobytes(), ([], classes))
                alike.extend((alias, axis) for alias in self.aliases[name])
        return list(found.values())


def read_structure(model: nn.Module, inputs: Inputs, *, batch_axis: int | None = 0) -> Structure:
    """Trace a model and find its channel groups.

    Args:
        model: in eval mode.
        inputs: an example of what it is given.
        batch_axis: on which axis of it the batch is, of 1.

    Raises:
        SpaceError: the model cannot be traced, or it has no layers to cut.
    """
    labels = Labels()
    graph = trace(model, inputs, batch_axis=batch_axis)
    try:
        flow = propagate(graph, labels)
    except UnknownShapeError as error:
        msg = f"the model cannot be followed: {error}"
        raise SpaceError(msg) from error
    if not flow.layers:
        msg = "the model has no convolution or linear layer"
        raise SpaceError(msg)
    state = model.state_dict(keep_vars=True)
    aliases = _aliases(model, state)
    _follow_training_heads(model, inputs, set(graph.parameters), labels)
    classes = labels.solve()
    parameters, never_cut = _counted(model, state, labels)
    groups = form_groups(flow, classes, labels.parameters)
    made = [flow.value(name) for name in graph.outputs]
    structure = Structure(
        flow=flow,
        classes=classes,
        groups=groups,
        parameters=parameters,
        never_cut=never_cut,
        aliases=aliases,
        dynamic_batch=flow.any_batch and all(_of_one(one) for one in made if one.batched),
        branches=find_branches(flow, _called(model)),
    )
    return replace(structure, groups=_with_shares(structure))


def _called(model: nn.Module) -> list[str]:
    """Names of the modules that can be called: others, such as lists, only hold some."""
    unwritten = nn.Module.forward
    return [name for name, one in model.named_modules() if type(one).forward is not unwritten]


def _of_one(value: Value) -> bool:
    """Whether an output has one place for the one example."""
    return value.shape[value.batch : value.batch + 1] == (1,)


def _with_shares(structure: Structure) -> tuple[ChannelGroup, ...]:
    lengths = Lengths((), structure.classes)
    layers = structure.flow.layers
    model = CostModel(layers, {}, {}, lengths, products=structure.flow.products)
    macs = model.layers(np.empty(0)).macs
    total = max(float(model.macs(np.empty(0))), 1.0)
    shares = []
    for group in structure.groups:
        touched = [layer.name in group.layers for layer in layers]
        shares.append(replace(group, macs_share=float(macs[touched].sum()) / total))
    return tuple(shares)


def _follow_training_heads(
    model: nn.Module, inputs: Inputs, used: set[str], labels: Labels
) -> None:
    """Label the heads that only exist in training, so that they are cut with what they read.

    Without this a pruned GoogLeNet or Inception would run, but could not be fine-tuned.
    """
    if all(name in used for name, _ in model.named_parameters()):
        return
    graph = trace_training_heads(model, inputs)
    if graph is not None:
        with contextlib.suppress(UnknownShapeError):  # what was followed so far counts
            propagate(graph, labels)


def _aliases(model: nn.Module, state: State) -> dict[str, tuple[str, ...]]:
    by_tensor: dict[int, list[str]] = {}
    for name, tensor in state.items():
        by_tensor.setdefault(id(tensor), []).append(name)
    named = {name: tuple(by_tensor[id(tensor)]) for name, tensor in state.items()}
    unsaved = dict(model.named_buffers(remove_duplicate=False)).keys() - named.keys()
    return named | {name: (name,) for name in unsaved}


def _counted(
    model: nn.Module, state: State, labels: Labels
) -> tuple[dict[str, Axes], dict[str, int]]:
    """Labels of all parameters, each tensor once, and the sizes of those that have none."""
    by_tensor = {}
    for name, axes in labels.parameters.items():
        if name in state:
            by_tensor[id(state[name])] = axes
    counted: dict[str, Axes] = {}
    never_cut: dict[str, int] = {}
    for name, parameter in model.named_parameters():
        axes = by_tensor.get(id(parameter), ())
        if any(ids is not None for ids in axes):
            counted[name] = axes
        else:
            never_cut[name] = parameter.numel()
    return counted, never_cut
