"""Training and pruning together (``workload.train.mode: joint``)."""

from pydantic import Field

from edgeprune.config.section import Section


class JointConfig(Section):
    """How long each part takes; the defaults are for a GPU, published but for `settle`."""

    scale: float = Field(
        1.0,
        gt=0,
        le=1,
        description="Epochs and rounds below times this, at least 1 of each: 0.1 suits a CPU.",
    )
    warmup: int = Field(10, ge=1, description="Epochs of the weights alone, at first.")
    fill: int = Field(10, ge=1, description="Rounds of random structures after them.")
    joint: int = Field(70, ge=1, description="Epochs with a round of the agent before each.")
    settle: int = Field(
        20, ge=1, description="Epochs that draw the weights to the structure that was found."
    )
    one_curve: bool = Field(
        True,
        description="The learning rate of fine-tuning goes on where that of joint training ended, "
        "so that a third of all epochs finds the structure and the cut network has the others. "
        "false: each falls to zero, as published, where settle is 110.",
    )
    episodes: int = Field(10, ge=1, description="Structures that are scored in a round.")
    decoder_updates: int = Field(
        100, ge=1, description="Gradient steps of the representation in a round."
    )
    agent_updates: int = Field(200, ge=1, description="Gradient steps of the agent in a round.")
    alignment: float = Field(
        5e-5,
        ge=0,
        description="Penalty on weights that are to be cut, in the published schedule; a shorter "
        "one is given so much more that the pull adds up alike. 0 for none.",
    )
    images: int = Field(
        6400, ge=1, description="Training images that batch norms of a structure are scored with."
    )
    lr: float = Field(0.1, gt=0, description="First learning rate of the weights.")
    batch_size: int = Field(128, ge=1, description="Images per step.")
    weight_decay: float = Field(1e-4, ge=0, description="L2 penalty on the weights.")

    @property
    def lengths(self) -> dict[str, int]:
        """Epochs and rounds as they are run: scaled, what is done in a round is not."""
        parts = ("warmup", "fill", "joint", "settle")
        return {name: max(1, round(self.scale * getattr(self, name))) for name in parts}

    @property
    def epochs(self) -> int:
        """Passes over the training images, in all."""
        return sum(self.lengths[name] for name in ("warmup", "joint", "settle"))
