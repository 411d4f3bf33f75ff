"""How long each part of joint training takes, with the published numbers."""

import math
from dataclasses import dataclass

#: Sum of the learning rates of all steps with alignment in the published training: 45,000 images
#: in steps of 128; 90 epochs at 0.1, then 50 at 0.01 and 50 at 0.001.
_PUBLISHED_TRAVEL = 352 * (90 * 0.1 + 50 * 0.01 + 50 * 0.001)


@dataclass(frozen=True)
class JointSchedule:
    """Epochs of the weights and what the agent does between them.

    Attributes:
        warmup: epochs of the weights alone, before the agent is asked anything.
        fill: rounds of random episodes after them, with the weights at rest.
        joint: epochs with a round of the agent before each.
        settle: epochs of the weights alone that draw them to the structure that was found.
        after: epochs of the cut network that the learning rate's curve goes on through.
        episodes: networks that are scored in a round.
        decoder_updates: gradient steps of the representation in a round.
        agent_updates: gradient steps of the agent in a round.
    """

    warmup: int = 10
    fill: int = 10
    joint: int = 70
    settle: int = 20
    after: int = 0
    episodes: int = 10
    decoder_updates: int = 100
    agent_updates: int = 200

    @property
    def epochs(self) -> int:
        """Passes over the training images, in all."""
        return self.warmup + self.joint + self.settle

    @property
    def rounds(self) -> int:
        """Rounds of the agent, the random ones included: each sees other weights or episodes."""
        return self.fill + self.joint

    def penalty(self, published: float, *, steps: int, lr: float) -> float:
        """The factor of the alignment (Eq. 10, beta) that pulls as far as the published one.

        The pull moves a weight by learning rate times factor in every step: the published factor
        over a tenth of the steps would go a tenth of the way.

        Args:
            published: the factor in the published training.
            steps: of an epoch.
            lr: the first learning rate; it falls to 0 along half a cosine.
        """
        whole = self.epochs + self.after
        start, end = self.warmup / whole, self.epochs / whole
        waves = math.sin(math.pi * end) - math.sin(math.pi * start)
        share = (end - start + waves / math.pi) / 2
        return published * _PUBLISHED_TRAVEL / (share * whole * steps * lr)
