"""What has become of the weights so far, as numbers that the agent can read (RLAL's z).

Every round of the agent has a learnable embedding; a recurrent network over the embeddings up to a
round gives the round's representation z; a decoder predicts from state, action and z which reward
was observed. All three learn together from that prediction, so that z has to tell rounds apart in
which the same action earned different rewards.
"""

from dataclasses import dataclass
from typing import Any

import torch
from torch import nn
from torch.nn import functional


@dataclass(frozen=True)
class Steps:
    """Steps of episodes: what was seen, done and earned, and in which round.

    Attributes:
        states: float32 (n, state size).
        actions: float32 (n, 1), 0 to 1.
        rounds: int64 (n,).
        rewards: float32 (n,).
    """

    states: torch.Tensor
    actions: torch.Tensor
    rounds: torch.Tensor
    rewards: torch.Tensor


class Representation(nn.Module):
    """Embeddings, recurrent network and decoder, with the optimiser of all three.

    Args:
        rounds: how many there will be.
        state_size: length of a state.
        size: length of an embedding and of z.
        hidden: width of the decoder's two layers.
        lr: Adam's.
    """

    def __init__(
        self, rounds: int, state_size: int, *, size: int = 128, hidden: int = 300, lr: float = 1e-3
    ) -> None:
        super().__init__()
        self.size = size
        self.embeddings = nn.Embedding(rounds, size)
        self.recurrent = nn.GRU(size, size, batch_first=True)
        self.decoder = nn.Sequential(
            nn.Linear(state_size + 1 + size, hidden),
            nn.ReLU(),
            nn.Linear(hidden, hidden),
            nn.ReLU(),
            nn.Linear(hidden, 1),
        )
        self.optimizer = torch.optim.Adam(self.parameters(), lr)

    def begin(self, number: int) -> None:
        """A round that nothing is known of yet starts where the one before it ended."""
        if number:
            with torch.no_grad():
                self.embeddings.weight[number] = self.embeddings.weight[number - 1]

    def table(self) -> torch.Tensor:
        """The z of every round, (rounds, size); it depends on the rounds up to its own alone."""
        found: torch.Tensor = self.recurrent(self.embeddings.weight[None])[0][0]
        return found

    def error(self, steps: Steps, table: torch.Tensor | None = None) -> torch.Tensor:
        """Mean squared error of the decoded rewards.

        Args:
            steps: what was observed.
            table: z of every round, where it is not to be this network's own.
        """
        z = (self.table() if table is None else table)[steps.rounds]
        decoded = self.decoder(torch.cat([steps.states, steps.actions, z], 1))[:, 0]
        return functional.mse_loss(decoded, steps.rewards)

    def learn(self, steps: Steps, table: torch.Tensor | None = None) -> float:
        """One gradient step; it reaches decoder, recurrent network and embeddings.

        The public reproduction computes z without gradients, so that its embeddings and recurrent
        network stay as they were drawn (docs/algorithms.md#defects-of-the-reproduction).

        Args:
            steps: what was observed.
            table: as in `error`; embeddings and recurrent network then stay as they are.

        Returns:
            The error before the step.
        """
        loss = self.error(steps, table)
        self.optimizer.zero_grad()
        loss.backward()  # type: ignore[no-untyped-call]
        self.optimizer.step()
        return loss.item()

    def saved(self) -> dict[str, Any]:
        """Weights and optimiser."""
        return {"weights": self.state_dict(), "optimizer": self.optimizer.state_dict()}

    def restore(self, state: dict[str, Any]) -> None:
        """Go on where `saved` was called."""
        self.load_state_dict(state["weights"])
        self.optimizer.load_state_dict(state["optimizer"])
