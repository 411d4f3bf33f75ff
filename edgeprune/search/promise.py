"""What a candidate promises: its reward, and what its capacity will be worth after fine-tuning."""

import math

#: What a unit of the natural logarithm of the MACs is worth, in units of the reward (accuracy from
#: 0 to 1): nothing without fine-tuning, about 0.5 after one epoch, and 1 after three (ResNet-20 at
#: half the latency, docs/results.md, "What fine-tuning makes of a plan"). How long and how well a
#: network will be trained differs, so that the best of each is looked at and the race decides.
WORTHS = (0.0, 0.5, 1.0)
#: The same where candidates are trained a little before they are scored: the score knows most of
#: it (ResNet-8 at 0.35x: 0.02; ResNet-20 at a quarter of its latency: nothing).
WORTHS_TRAINED = (0.0, 0.1)


def promise(reward: float, macs: float, worth: float) -> float:
    """A candidate's reward with its capacity.

    Args:
        reward: before fine-tuning.
        macs: multiply-accumulates of one inference, above 0; any unit, the same for all.
        worth: of the capacity, see `WORTHS` and `WORTHS_TRAINED`.
    """
    return reward + worth * math.log(macs)
