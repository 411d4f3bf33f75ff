"""The channel space of a model: what may be cut, at what cost, and how to cut it."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import replace
from functools import cached_property
from typing import Any, Self, cast

import numpy as np
from torch import nn

from edgeprune.errors import SpaceError
from edgeprune.pruning import importance as criteria
from edgeprune.pruning.arena import Layout
from edgeprune.pruning.branches import Branch, output_channels, with_groups
from edgeprune.pruning.costs import CostModel, Floats, LayerCosts, Lengths
from edgeprune.pruning.edits import Edit, removed_by
from edgeprune.pruning.features import NAMES, feature_table
from edgeprune.pruning.graph import module_of
from edgeprune.pruning.groups import ChannelGroup
from edgeprune.pruning.importance import Batches, Loss, Scores
from edgeprune.pruning.memory import MemoryModel
from edgeprune.pruning.plan import Plan, SlicedState, Slices, Widths, fingerprint
from edgeprune.pruning.spaces.checking import checked
from edgeprune.pruning.spaces.example import one_example
from edgeprune.pruning.spaces.protocol import Costs, Part
from edgeprune.pruning.structure import Structure, read_structure
from edgeprune.pruning.template import Template
from edgeprune.pruning.tracing import evaluating
from edgeprune.pruning.widths import (
    Multiple,
    WidthRules,
    allowed_widths,
    check_ratio,
    check_settings,
    fix_unwanted,
    multiple_of,
)
from edgeprune.tensors import Inputs


class ChannelSpace:
    """The channel groups of a model, with the costs, plans and ONNX files of any widths.

    Open one with `ChannelSpace.from_model`. Widths are kept channels by group name; groups that
    are left out keep everything.

    Attributes:
        groups: all channel groups, in the order of execution, with the reason of those that may
            not be cut.
        free: the groups that may be cut.
        full: channels of the free groups.
        choices: allowed widths of the free groups, ascending; from 0 where a branch may go.
        branches: the branches that may go; width 0 of a branch's groups removes it.
        feature_names: columns of `features`.

    Examples:
        >>> import torch
        >>> from torch import nn
        >>> head = [nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(16, 10)]
        >>> model = nn.Sequential(nn.Conv2d(3, 8, 3), nn.ReLU(), nn.Conv2d(8, 16, 3), *head)
        >>> space = ChannelSpace.from_model(model, torch.zeros(1, 3, 16, 16))
        >>> space.full
        {'0': 8, '2': 16}
        >>> [group.name for group in space.groups if group.fixed]
        ['5']
        >>> space.scaled(0.5)
        {'0': 4, '2': 8}
        >>> space.params(space.full), space.params({"0": 4, "2": 8})
        (1562, 498)
    """

    feature_names: tuple[str, ...] = NAMES

    def __init__(
        self,
        model: nn.Module,
        structure: Structure,
        groups: Sequence[ChannelGroup],
        choices: Mapping[str, tuple[int, ...]],
        branches: Sequence[Branch] = (),
    ) -> None:
        self.groups = tuple(groups)
        self.free = tuple(group for group in groups if group.fixed is None)
        self.full: Widths = {group.name: group.channels for group in self.free}
        self.branches = tuple(branches)
        may_go = {name for branch in self.branches for name in branch.groups}
        self.choices = {
            group.name: (0,) * (group.name in may_go) + choices[group.name] for group in self.free
        }
        self._model = model
        self._structure = structure
        self._widths = choices
        self._rules = WidthRules(self.free, self.choices, [one.groups for one in self.branches])
        self._lengths = Lengths(self.free, structure.classes)
        number = {group.name: index for index, group in enumerate(self.free)}
        self._costs = CostModel(
            *(structure.flow.layers, structure.parameters, structure.never_cut, self._lengths),
            [(number[one.groups[0]], removed_by(one.edits(None))) for one in self.branches],
            structure.flow.products,
        )
        self._outlets = self._lengths.of(output_channels(self.branches))
        self._padded = [
            self._lengths.of([one.before, one.inside, one.after]) for one in structure.flow.paddings
        ]
        self._attributes = [
            (one, *self._lengths.of(one.numbers)) for one in structure.flow.attributes.values()
        ]
        self._cut_axes = structure.axes_of(self.free)
        self._scores: dict[str, dict[str, Scores]] = {}

    @classmethod
    def from_model(
        cls,
        model: nn.Module,
        example_input: Inputs,
        batch_axis: int | None = 0,
        *,
        include: Sequence[str] = (),
        exclude: Sequence[str] = (),
        multiple: Multiple = 1,
        least_choices: int = 1,
        min_keep: float = 0.1,
        blocks: bool = True,
        check: bool = True,
    ) -> Self:
        """Find the channel groups of a model.

        Args:
            model: a float32 network. It is kept, as the source of weights, and left as it is; it
                is looked at in eval mode, where it gives tensors, or lists, tuples, dicts and
                dataclasses of them.
            example_input: what the model is given, of any rank: a tensor, several in the order
                of the model's arguments, or a dict by the arguments' names; its first example is
                used.
            batch_axis: the axis on which examples stand in it. None: there is none, and files take
                one example.
            include: patterns of group names; only these may be cut.
            exclude: patterns of group names that may not be cut.
            multiple: widths are multiples of this number of channels (or full); one number, or
                one for each kind of layer (`LAYER_KINDS`).
            least_choices: the multiple is halved in groups that have fewer times it in their
                channels than this; 1 holds it strictly.
            min_keep: smallest share of a group's channels that stays, above 0 and at most 1.
            blocks: whether the branches of residual blocks may go as a whole.
            check: cut all groups a little, compare torch with ONNX Runtime, and fix the groups
                where that fails.

        Raises:
            SpaceError: an argument is out of range, a pattern matches nothing, the input has
                another form, or the model does not run, returns something else than tensors or
                cannot be traced (the message names the module or the output).
        """
        check_settings(multiple, min_keep)
        example = one_example(example_input, batch_axis)
        with evaluating(model):
            structure = read_structure(model, example, batch_axis=batch_axis)
            groups = fix_unwanted(structure.groups, include, exclude)
            kinds = {layer.name: layer.kind for layer in structure.flow.layers}
            steps = {
                group.name: multiple_of(group, multiple, kinds, least_choices) for group in groups
            }
            choices = {
                group.name: allowed_widths(group, steps[group.name], min_keep) for group in groups
            }
            left_out = frozenset(
                group.name
                for group, before in zip(groups, structure.groups, strict=True)
                if group.fixed is not None and before.fixed is None
            )
            branches = with_groups(structure.branches, groups, left_out) if blocks else ()
            may_go = {name for branch in branches for name in branch.groups}
            groups = tuple(
                group
                if group.name in may_go
                else _fix_rigid(group, choices[group.name], steps[group.name])
                for group in groups
            )
            space = cls(model, structure, groups, choices, branches)
            return cast(Self, checked(space, model, example, batch_axis)) if check else space

    @cached_property
    def template(self) -> Template:
        """Makes ONNX files of sliced weights."""
        return Template(
            self._structure.flow,
            self._lengths,
            self._model.state_dict(),
            dynamic_batch=self._structure.dynamic_batch,
            branches=self.branches,
            units=self._rules.units,
        )

    @cached_property
    def _memory(self) -> MemoryModel:
        return MemoryModel(self._structure.flow, self._lengths, self.branches)

    @cached_property
    def features(self) -> Floats:
        """Unscaled features of the free groups, float64 (groups, columns); see `feature_names`."""
        costs = self.layer_costs(self.full)
        return feature_table(self.free, self._structure.flow.layers, costs.macs, costs.weights)

    @cached_property
    def reader_norms(self) -> dict[str, Scores]:
        """Per free group, see `edgeprune.pruning.importance.reader_norms`."""
        weights = self._model.state_dict()
        return {group.name: criteria.reader_norms(group, weights) for group in self.free}

    @cached_property
    def cuttable_macs_share(self) -> float:
        """Share of the model's MACs in layers and products that a free group cuts."""
        touched = {name for group in self.free for name in group.layers}
        costs = self.layer_costs(self.full)
        inside = [name in touched for name in costs.names]
        products = self._costs.products(self._lengths.full)[self._costs.cut_products]
        return float((costs.macs[inside].sum() + products.sum()) / max(self.macs(self.full), 1))

    def macs(self, widths: Mapping[str, int]) -> int:
        """Multiply-accumulates of all convolutions and matrix products, for one image."""
        return int(self._costs.macs(self._rules.units(widths)))

    def macs_of(self, plans: Sequence[Mapping[str, int]]) -> list[int]:
        """The same of several plans, which takes little longer than of one."""
        return [int(macs) for macs in self._costs.macs(self._rules.units_of(plans))]

    def params(self, widths: Mapping[str, int]) -> int:
        """Number of parameters; batch-norm statistics are none."""
        return self._costs.parameters(self._rules.units(widths))

    def activation_elements(self, widths: Mapping[str, int], layout: Layout | None = None) -> float:
        """Most numbers of one image that are in memory at once, see `MemoryModel`."""
        gone = (index for index, one in enumerate(self.branches) if widths[one.groups[0]] == 0)
        return self._memory.elements(self._rules.units(widths), frozenset(gone), layout or Layout())

    def costs(self, widths: Mapping[str, int]) -> Costs:
        """MACs and parameters; latency, which the budget is on, is measured."""
        return Costs(self.macs(widths), self.params(widths))

    def describe(self, widths: Mapping[str, int]) -> tuple[Part, ...]:
        """Kept channels of every group, with the reason of those that may not be cut."""
        return tuple(
            Part(
                *(group.name, tuple(group.layers), group.channels),
                kept=widths.get(group.name, group.channels),
                macs_share=group.macs_share,
                fixed=group.fixed,
            )
            for group in self.groups
        )

    def layer_costs(self, widths: Mapping[str, int]) -> LayerCosts:
        """Costs of every convolution and linear layer, for one image."""
        return self._costs.layers(self._rules.units(widths))

    def layer_costs_of(self, plans: Sequence[Mapping[str, int]]) -> LayerCosts:
        """The same of several plans, which takes little longer than of one."""
        return self._costs.layers(self._rules.units_of(plans))

    def check_widths(self, widths: Mapping[str, Any]) -> Widths:
        """Complete widths: with full ones, or with 0 where the rest of a branch has it.

        Raises:
            SpaceError: a group is unknown or may not be cut, a width is none of its choices, or a
                branch goes in part.
        """
        return self._rules.check(widths)

    def snap(self, widths: Mapping[str, float]) -> Widths:
        """The nearest allowed widths; the smaller one of two that are equally near.

        Only 0 itself becomes 0, so no branch goes because its groups are to be narrow.
        """
        return self._rules.snap(widths)

    def scaled(self, ratio: float) -> Widths:
        """The allowed widths nearest to one keep ratio for all groups; no branch goes.

        Raises:
            SpaceError: the ratio lies outside (0, 1].
        """
        keep = check_ratio("ratio", ratio)
        return self.snap({name: keep * channels for name, channels in self.full.items()})

    def importance(
        self,
        criterion: str,
        batches: Batches | None = None,
        loss: Loss = nn.functional.cross_entropy,
    ) -> dict[str, Scores]:
        """Score every unit of every free group; see `edgeprune.pruning.importance`.

        Args:
            criterion: ``l1``, ``l2``, ``fpgm``, ``bn_scale`` or ``taylor``.
            batches: labelled images, for ``taylor``.
            loss: whose gradient that takes.
        """
        with evaluating(self._model):
            return criteria.importance(criterion, self.free, self._model, batches, loss)

    def plan(
        self,
        widths: Mapping[str, int],
        importance: str = "l1",
        *,
        scores: Mapping[str, Scores] | None = None,
    ) -> Plan:
        """Choose the channels that stay: the most important units of every group.

        Args:
            widths: kept channels; see `check_widths`.
            importance: the criterion; one that needs images needs `scores`.
            scores: importance of every unit by group, as `importance` gives.

        Raises:
            SpaceError: the widths, the criterion or the scores do not fit.
        """
        complete = self.check_widths(widths)
        if scores is None:
            if importance not in self._scores:
                self._scores[importance] = self.importance(importance)
            scores = self._scores[importance]
        kept = {
            group.name: _top(group, complete[group.name], scores.get(group.name))
            for group in self.free
        }
        edits = self._edits(complete)
        return Plan(
            widths=complete,
            kept={name: tuple(units.tolist()) for name, units in kept.items()},
            slices=self._slices(kept, edits),
            full=dict(self.full),
            fingerprint=self._fingerprint,
            criterion=importance,
            edits=edits,
        )

    def widths_of(self, state: Mapping[str, Any]) -> Widths:
        """The widths of a candidate, as the shapes of its weights tell them.

        Args:
            state: tensors or arrays by state-dict name; others may be among them.

        Raises:
            SpaceError: they belong to no plan of this model, or leave the widths open.
        """
        units = np.rint(self.template.units(state)).astype(int).tolist()
        kept = zip(self.free, units, strict=True)
        return self.check_widths({group.name: count * group.unit for group, count in kept})

    def slice_state(self, plan: Plan) -> SlicedState:
        """The base model's weights and buffers, cut by a plan.

        Raises:
            SpaceError: the plan belongs to another architecture.
        """
        if plan.fingerprint != self._fingerprint:
            plan.check(self._model)
        return SlicedState(self._model.state_dict(), plan)

    @cached_property
    def _fingerprint(self) -> str:
        return fingerprint(self._model)

    @cached_property
    def _modules(self) -> frozenset[str]:
        return frozenset(name for name, _ in self._model.named_modules())

    def _edits(self, widths: Widths) -> tuple[Edit, ...]:
        """Removed branches, and shortcuts that add fewer channels than their code says."""
        units = self._rules.units(widths)
        edits: list[Edit] = []
        counts = np.rint(self._outlets[0] + self._outlets[1] @ units).astype(int).tolist()
        for branch, count in zip(self.branches, counts, strict=True):
            if widths[branch.groups[0]] == 0:
                edits += branch.edits(None if branch.channels is None else count)
        for padding, (base, slope) in zip(self._structure.flow.paddings, self._padded, strict=True):
            before, inside, after = np.rint(base + slope @ units).astype(int).tolist()
            if (before, after) != (padding.before.size, padding.after.size):
                name = module_of(padding.module, self._modules)
                start = padding.before.size - before
                edits.append(Edit(name, "narrow", before + inside + after, start=start))
        removed = removed_by(edits)
        for attribute, base, slope in self._attributes:
            numbers = tuple(np.rint(base + slope @ units).astype(int).tolist())
            full = tuple(ids.size for ids in attribute.numbers)
            if numbers != full and not removed(attribute.name):
                edits.append(Edit(attribute.name, "number", numbers=numbers))
        return tuple(edits)

    def _slices(self, kept: Mapping[str, np.ndarray], edits: Sequence[Edit]) -> Slices:
        removed = removed_by(edits)
        stays = np.ones(self._structure.classes.count, bool)
        for group in self.free:
            if len(kept[group.name]) < group.units:
                stays[group.classes] = False
                stays[group.classes[kept[group.name]]] = True
        slices: Slices = {}
        for axes, classes in self._cut_axes:
            chosen = stays[classes]
            if chosen.all():
                continue
            positions = tuple(np.flatnonzero(chosen).tolist())
            for name, axis in axes:
                if not removed(name):
                    slices.setdefault(name, {})[axis] = positions
        return slices

    def but(
        self,
        groups: Sequence[ChannelGroup],
        branches: Sequence[Branch],
        *,
        dynamic_batch: bool,
    ) -> Self:
        """The same model's space with other groups fixed and other branches that may go."""
        structure = replace(self._structure, dynamic_batch=dynamic_batch)
        return type(self)(self._model, structure, groups, self._widths, branches)


def _fix_rigid(group: ChannelGroup, choices: Sequence[int], multiple: int) -> ChannelGroup:
    """Fix a group that has only one width."""
    if group.units == 1:
        return group.but_fixed(f"its {group.channels} channels can only go all together")
    if len(choices) == 1:
        step = math.lcm(multiple, group.unit)
        return group.but_fixed(f"no width below {group.channels} is an allowed multiple of {step}")
    return group


def _top(group: ChannelGroup, width: int, scores: Scores | None) -> np.ndarray:
    """The units with the highest scores, ascending; of equal ones the first."""
    if scores is None or np.shape(scores) != (group.units,) or not np.isfinite(scores).all():
        found = "none" if scores is None else f"an array of shape {np.shape(scores)}"
        msg = f"scores of group {group.name!r}: {found}; allowed: {group.units} finite numbers"
        raise SpaceError(msg)
    order = np.argsort(-np.asarray(scores), kind="stable")
    return np.sort(order[: width // group.unit])
