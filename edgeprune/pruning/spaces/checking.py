"""Is what the analysis says true? A channel space is tried when it is opened."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from torch import nn

from edgeprune.errors import SpaceError
from edgeprune.pruning.branches import Branch
from edgeprune.pruning.groups import ChannelGroup
from edgeprune.pruning.importance import Scores
from edgeprune.pruning.plan import Plan, Widths
from edgeprune.pruning.soundness import culprits, problem_with
from edgeprune.tensors import Inputs

if TYPE_CHECKING:
    from edgeprune.pruning.spaces.channels import ChannelSpace

#: Smallest and largest share of a group's channels that a trial keeps.
_KEPT = (0.25, 0.6)


def checked(
    space: "ChannelSpace", model: nn.Module, example: Inputs, batch_axis: int | None = 0
) -> "ChannelSpace":
    """A space without the groups and branches that turn out not to be sound.

    Args:
        space: as it was read from the graph.
        model: the base model, in eval mode.
        example: what it is given.
        batch_axis: on which axis of it examples stand.

    Raises:
        SpaceError: not even the unpruned file computes what the model computes.
    """
    trial = _Trial(space, model, example, batch_axis)
    if trial.of_groups([group.name for group in space.free]) is not None:
        trial = _without_culprits(trial)
    return _with_sound_branches(trial)


@dataclass(frozen=True)
class _Trial:
    space: "ChannelSpace"
    model: nn.Module
    example: Inputs
    batch_axis: int | None = 0

    def of_groups(self, names: Sequence[str]) -> str | None:
        """Cut some groups and compare torch with ONNX Runtime."""
        widths = self.widths()
        return self.of_widths({name: widths[name] for name in names})

    def of_branches(self, names: Sequence[str]) -> str | None:
        """Cut all groups and remove some branches, named by their first groups."""
        by_name = {branch.groups[0]: branch for branch in self.space.branches}
        gone = {group: 0 for name in names for group in by_name[name].groups}
        return self.of_widths(self.widths() | gone)

    def widths(self) -> Widths:
        """About half of every group: the smaller the networks, the sooner they are compared.

        Each group by another share: sizes that only agree when all are cut alike must not pass.
        """
        space = self.space
        keep = np.random.default_rng(0).uniform(*_KEPT, len(space.free))
        return {
            name: _below([one for one in space.choices[name] if one], share * full)
            for (name, full), share in zip(space.full.items(), keep.tolist(), strict=True)
        }

    def of_widths(self, widths: Mapping[str, int]) -> str | None:
        """What goes wrong with a cut, or None."""
        space, plan = self.space, self.plan(widths)
        return self._problem(plan, lambda: space.template.candidate(space.slice_state(plan)))

    def of_nothing(self) -> str | None:
        """What goes wrong where nothing is cut, or None."""
        return self._problem(self.plan(self.space.full), lambda: self.space.template.base)

    def plan(self, widths: Mapping[str, int]) -> Plan:
        """A plan that keeps units from all over a group."""
        generator = np.random.default_rng(0)
        scores: dict[str, Scores] = {
            group.name: generator.random(group.units) for group in self.space.free
        }
        return self.space.plan(widths, scores=scores)

    def _problem(self, plan: Plan, content: Callable[[], bytes]) -> str | None:
        batch = 2 if self.space.template.dynamic_batch else 1
        axis = self.batch_axis
        return problem_with(plan, self.model, content, self.example, batch=batch, batch_axis=axis)

    def but(
        self,
        groups: Sequence[ChannelGroup],
        branches: Sequence[Branch],
        *,
        dynamic_batch: bool | None = None,
    ) -> "_Trial":
        """The same of a space with other groups fixed and other branches that may go."""
        if dynamic_batch is None:
            dynamic_batch = self.space.template.dynamic_batch
        space = self.space.but(groups, branches, dynamic_batch=dynamic_batch)
        return _Trial(space, self.model, self.example, self.batch_axis)


def _without_culprits(trial: _Trial) -> _Trial:
    space = trial.space
    if space.template.dynamic_batch and trial.of_nothing() is not None:
        trial = trial.but(space.groups, space.branches, dynamic_batch=False)
    if not trial.space.template.dynamic_batch and (reason := trial.of_nothing()) is not None:
        msg = f"the exported graph does not compute what the model computes: {reason}"
        raise SpaceError(msg)
    reasons = culprits([group.name for group in space.free], trial.of_groups)
    groups = [
        group.but_fixed(reasons[group.name]) if group.name in reasons else group
        for group in space.groups
    ]
    fixed = {group.name for group in groups if group.fixed is not None}
    return trial.but(groups, [one for one in space.branches if not fixed & set(one.groups)])


def _with_sound_branches(trial: _Trial) -> "ChannelSpace":
    """The space without the branches whose removal breaks the model."""
    space = trial.space
    by_name = {branch.groups[0]: branch for branch in space.branches}
    if not by_name or trial.of_branches(list(by_name)) is None:
        return space
    wrong = culprits(list(by_name), trial.of_branches)
    sound = [branch for name, branch in by_name.items() if name not in wrong]
    may_go = {name for branch in sound for name in branch.groups}
    groups = [
        group.but_fixed("it has no other width, and its branch cannot go")
        if group.name not in may_go
        and len([w for w in space.choices.get(group.name, ()) if w]) == 1
        else group
        for group in space.groups
    ]
    return trial.but(groups, sound).space


def _below(choices: Sequence[int], width: float) -> int:
    """The largest choice up to a width, or the smallest one."""
    return max((one for one in choices if one <= width), default=choices[0])
