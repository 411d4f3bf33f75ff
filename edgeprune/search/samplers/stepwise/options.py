"""Numbers of the stepwise samplers, PuRL and QLP."""

import math
from typing import Annotated, ClassVar, Literal

from pydantic import Field

from edgeprune.errors import SearchError
from edgeprune.search.samplers.checked_options import CheckedOptions, Count, Rate, Sizes

#: Of PuRL's first author's submission to MicroNet, and a grid that begins with cutting nothing.
_AUTHORS = tuple(step / 5 for step in range(5, 12))
_TENTHS = tuple(step / 10 for step in range(23))

Share = Annotated[float, Field(ge=0, lt=1)]
Numbers = Annotated[tuple[Share, ...], Field(min_length=2, strict=False)]


class AgentOptions(CheckedOptions):
    """What every stepwise sampler's agent needs (docs/algorithms.md#qlp and #purl).

    Attributes:
        hidden: widths of the hidden layers.
        learning_rate: Adam's.
        gamma: discount.
        replay: steps kept in the replay buffer.
        batch_size: steps per gradient step, drawn with replacement.
        learning_starts: steps before the first gradient step.
        target_every: gradient steps from one copy of the target network to the next.
        exploration: share of the trials (of a regime's, for QLP) in which the share of random
            actions falls, along a line.
        last_epsilon: share of random actions after that.
        reward: ``dense``, at every step, or ``terminal``, all of it at the episode's end (the
            same sum: the comparison that shows what dense rewards are worth).
    """

    hidden: Sizes = (64, 64)
    learning_rate: Rate = 1e-3
    gamma: Annotated[float, Field(ge=0, le=1)] = 0.99
    replay: Count = 10_000
    batch_size: Count = 64
    learning_starts: Count = 16
    target_every: Count = 200
    exploration: Rate = 0.4
    last_epsilon: Annotated[float, Field(ge=0, le=1)] = 0.05
    reward: Literal["dense", "terminal"] = "dense"


class PurlOptions(AgentOptions):
    """Parameters of `PurlSampler`: reconstructions, see its docstring.

    Attributes:
        around: on channels, change the best plan so far by `factors` and complete every plan to
            the budget before it is scored; False: cut the uncut model by `alphas`, as published.
        factors: the actions on channels, of a group's keep ratio.
        alphas: the actions on single weights: removed is what lies below so many standard
            deviations. None: the authors' own grid, 1.0 to 2.2 in steps of 0.2, where the budget
            is below what its lowest threshold keeps; else 0 to 2.2 in steps of 0.1.
        beta: weight of the reward.
        target_accuracy: accuracy that is asked for, as a share of the base model's.
    """

    sampler: ClassVar[str] = "purl"

    hidden: Sizes = (128, 128)
    target_every: Count = 20
    replay: Count = 5_000
    batch_size: Count = 32
    exploration: Rate = 0.6
    around: bool = True
    factors: Annotated[
        tuple[Annotated[float, Field(gt=0, le=10)], ...], Field(min_length=2, strict=False)
    ] = (0.5, 0.65, 0.8, 1.0, 1.25, 1.55, 2.0)
    alphas: (
        Annotated[
            tuple[Annotated[float, Field(ge=0, le=10)], ...], Field(min_length=2, strict=False)
        ]
        | None
    ) = None
    beta: Annotated[float, Field(gt=0, le=1e6)] = 5.0
    target_accuracy: Rate = 1.0

    def thresholds(self, target: float, *, weights: bool) -> tuple[float, ...]:
        """`alphas`, or those of the authors' README where they can meet the budget.

        Args:
            target: the budget.
            weights: whether single weights are pruned.
        """
        if self.alphas is not None:
            return self.alphas
        reached = target < math.erfc(_AUTHORS[0] / math.sqrt(2))
        return _AUTHORS if weights and reached else _TENTHS


class QlpOptions(AgentOptions):
    """Parameters of `QlpSampler`: reconstructions, see its docstring.

    Attributes:
        actions: shares of what a group has left that a visit can remove.
        sweeps: passes over all groups after which an episode is given up; 1 is a single pass.
        cost_weight: reward of the whole cost (latency, or size), in accuracy.
        collapsed: accuracy below which an episode ends with a penalty of 1 (chance on ten
            classes, and 5 points).
        curriculum: go from regime to regime; otherwise straight to the last.
        regimes: costs of the regimes as ratios to the base, falling, each above the budget, which
            is always the last regime. None: 0.8, 0.7 and so on down to the budget.
        evaluate: ``partial`` plans as they are, or ``completed`` to the regime's cost: on channels
            by scaling all groups alike, on weights by global magnitude among what is left, so
            that doing nothing gives what a method without search gives (ours, not the paper's).
        next_epsilon: share of random actions at the start of every regime but the first.
        clusters: where single weights are pruned, into so many clusters layers are put whose
            thresholds the agent moves (`ThresholdSampler`); 0: densities, layer by layer.
        factors: the actions there, on a cluster's threshold.
        see_cost: show the agent the whole cost as a third number (an ablation; QLP's state has
            two).
    """

    sampler: ClassVar[str] = "qlp"

    actions: Numbers = (0.0, 0.01, 0.02, 0.05, 0.1, 0.2, 0.4)
    sweeps: Count = 20
    cost_weight: Annotated[float, Field(ge=0, le=100)] = 0.1
    collapsed: Annotated[float, Field(ge=0, lt=1)] = 0.15
    curriculum: bool = True
    regimes: (
        Annotated[
            tuple[Annotated[float, Field(gt=0, lt=1)], ...], Field(min_length=1, strict=False)
        ]
        | None
    ) = None
    evaluate: Literal["partial", "completed"] = "completed"
    next_epsilon: Annotated[float, Field(ge=0, le=1)] = 0.3
    clusters: Annotated[int, Field(ge=0, le=1000)] = 5
    factors: Annotated[
        tuple[Annotated[float, Field(gt=0, le=10)], ...], Field(min_length=2, strict=False)
    ] = (0.7, 0.85, 1.0, 1.18, 1.43)
    see_cost: bool = False

    def ladder(self, target: float) -> tuple[float, ...]:
        """The costs that regimes lead to, falling; the last is the budget.

        Args:
            target: the budget, as a ratio to the base model.

        Raises:
            SearchError: the regimes do not fall, or one is not above the budget.
        """
        if not self.curriculum:
            return (target,)
        if self.regimes is None:
            return (*(rung for rung in (0.8, 0.7, 0.6, 0.5, 0.4, 0.3) if rung > target), target)
        if list(self.regimes) != sorted(set(self.regimes), reverse=True):
            msg = f"option 'regimes' of sampler 'qlp' is {list(self.regimes)}; they must fall"
            raise SearchError(msg)
        # The budget itself may be named as the last regime.
        above = [rung for rung in self.regimes if rung > target]
        if any(rung < target for rung in self.regimes):
            msg = (
                f"option 'regimes' of sampler 'qlp' is {list(self.regimes)}; allowed: costs above "
                f"the budget, {target:g}"
            )
            raise SearchError(msg)
        return (*above, target)
