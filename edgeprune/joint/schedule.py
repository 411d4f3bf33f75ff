"""How long each part of joint training takes, with the published numbers."""

from dataclasses import dataclass


@dataclass(frozen=True)
class JointSchedule:
    """Epochs of the weights and what the agent does between them.

    Attributes:
        warmup: epochs of the weights alone, before the agent is asked anything.
        fill: rounds of random episodes after them, with the weights at rest.
        joint: epochs with a round of the agent before each.
        settle: epochs of the weights alone that draw them to the structure that was found.
        episodes: networks that are scored in a round.
        decoder_updates: gradient steps of the representation in a round.
        agent_updates: gradient steps of the agent in a round.
        alignment: factor of the penalty on weights that are to be cut (Eq. 10, beta).
    """

    warmup: int = 10
    fill: int = 10
    joint: int = 70
    settle: int = 110
    episodes: int = 10
    decoder_updates: int = 100
    agent_updates: int = 200
    alignment: float = 5e-5

    @property
    def epochs(self) -> int:
        """Passes over the training images, in all."""
        return self.warmup + self.joint + self.settle

    @property
    def rounds(self) -> int:
        """Rounds of the agent, the random ones included: each sees other weights or episodes."""
        return self.fill + self.joint
