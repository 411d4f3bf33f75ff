"""An agent that starts from earlier searches: transfer, and augmented transfer."""

from collections.abc import Sequence

import numpy as np

from edgeprune.search.samplers.amc.agent import Agent
from edgeprune.search.samplers.amc.episode import Episode
from edgeprune.search.samplers.amc.options import AmcOptions
from edgeprune.search.samplers.history.transfer_walk import source_episodes
from edgeprune.search.sources import Floats, SourceRun

#: Most trials of one source that the agent learns from.
_MOST_EPISODES = 100


def transferred_agent(
    source: SourceRun, wanted: tuple[str, ...], options: AmcOptions, state_size: int, seed: int
) -> Agent:
    """An agent as it would have ended the source's search: transfer learning (Mu et al.).

    A history keeps episodes, not networks: the agent is made again by telling it the source's
    episodes in their order and letting it learn as AMC does. What only belongs to the source then
    starts anew: the optimisers' moments, the replay buffer, the moving average of the reward.

    Args:
        source: cleaned.
        wanted: the columns of the features it sees.
        options: the agent's, for the new search.
        state_size: length of an observation.
        seed: fixes the weights and the batches.
    """
    episodes = source_episodes(source, wanted)[-_MOST_EPISODES:]
    groups = source.features.shape[0]
    agent = Agent(state_size, groups, options, seed)
    for episode, reward in zip(episodes, source.rewards[-_MOST_EPISODES:], strict=True):
        agent.remember(episode.states, episode.actions, float(reward))
        agent.learn(options.updates * groups)
    return agent


class Pool:
    """Episodes of all sources with comparable rewards: augmented transfer (Mu et al.).

    A reconstruction: rewards are standardised source by source, so that one critic fits all of
    them, and later the target's too; states hold the ratio that was reached (see
    `source_episodes`). The pool gives way to the target's own episodes as those come in.

    Args:
        sources: cleaned.
        wanted: the columns of the features the agent sees.
    """

    def __init__(self, sources: Sequence[SourceRun], wanted: tuple[str, ...]) -> None:
        found: list[tuple[int, Episode, float]] = []
        for source in sources:
            scores = standardised(source.rewards)
            episodes = source_episodes(source, wanted)
            last = len(episodes)
            found += [
                (last - index, episode, float(score))
                for index, (episode, score) in enumerate(zip(episodes, scores, strict=True))
            ]
        # The newest of every source come last, and stay longest.
        found.sort(key=lambda one: -one[0])
        self._episodes = [(episode, score) for _, episode, score in found]

    def fill(self, agent: Agent, own: Sequence[Episode], rewards: Floats) -> None:
        """Make an agent's replay buffer anew: the pool first, then the target's own episodes.

        Args:
            agent: whose buffer it is.
            own: episodes of the current search.
            rewards: of those, as they are.
        """
        scored = [*self._episodes, *zip(own, standardised(rewards), strict=True)]
        most = agent.options.replay_episodes
        agent.forget()
        for episode, score in scored[-most:]:
            agent.remember(episode.states, episode.actions, float(score))


def standardised(rewards: Floats) -> Floats:
    """With mean 0 and deviation 1; all 0 where they do not differ."""
    if not len(rewards):
        return rewards
    return np.asarray((rewards - rewards.mean()) / (float(rewards.std()) or 1.0))
