"""A small joint training on noise: everything but the accuracy is real."""

from collections.abc import Callable
from pathlib import Path

import torch
from torch import nn

from edgeprune.evaluation import Execution
from edgeprune.joint import (
    Alignment,
    JointEpoch,
    JointResult,
    JointSchedule,
    Rounds,
    Scorer,
    train_jointly,
)
from edgeprune.pruning import ChannelSpace
from edgeprune.search import SearchProblem, Widths
from edgeprune.workloads import Splits
from tests.evaluation.nets import all_images, noise_split
from tests.models import tiny_cnn

SHORT = JointSchedule(
    warmup=1, fill=1, joint=2, settle=2, episodes=2, decoder_updates=5, agent_updates=3
)


class Small:
    """A network, its space and its problem: half of the MACs."""

    def __init__(self, seed: int = 0) -> None:
        torch.manual_seed(seed)
        self.model: nn.Module = tiny_cnn()
        train, reward = noise_split(48), noise_split(24, seed=1)
        self.splits = Splits(train, reward, reward)
        self.space = ChannelSpace.from_model(self.model, all_images(train)[:1])
        full = self.space.macs(self.space.full)
        self.problem = SearchProblem(
            groups=tuple(group.name for group in self.space.free),
            choices=self.space.choices,
            features=self.space.features,
            feature_names=self.space.feature_names,
            macs=self.space.macs,
            cost=lambda widths: self.space.macs(widths) / full,
            target=0.5,
        )
        self.scorer = Scorer(self.space, self.model, self.splits, Execution(), images=24, seed=seed)

    def train(
        self,
        folder: Path,
        schedule: JointSchedule = SHORT,
        alignment: float = 5e-5,
        on_epoch: Callable[[JointEpoch], None] = lambda _: None,
    ) -> JointResult:
        return train_jointly(
            self.model,
            self.splits.train,
            Rounds(self.problem, self.scorer, schedule, seed=0),
            self.scorer,
            Alignment(self.space, self.model, alignment),
            schedule,
            lr=0.05,
            batch_size=16,
            weight_decay=0.0,
            seed=0,
            folder=folder,
            measure=self.measured,
            on_epoch=on_epoch,
        )

    def measured(self, widths: Widths) -> float:
        return self.problem.cost(widths)
