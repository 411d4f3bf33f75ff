"""Contenders that fine-tuning made worse: trained once more, with a part of the learning rate."""

from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace

from edgeprune.errors import DivergedError
from edgeprune.pipeline.field import Contender
from edgeprune.pipeline.networks import GENTLE, Networks
from edgeprune.pipeline.records import Heat, Mended

#: What a contender is called that something else than the recipe served best.
_WORDS = {GENTLE: "at a fifth of the learning rate", 0.0: "not fine-tuned"}


def mend(
    networks: Networks, alive: Sequence[Contender], last: Heat, error: Callable[[float], float]
) -> Mended:
    """Find what serves each best: the recipe, a part of its learning rate, or no training.

    Args:
        networks: of the race.
        alive: those that ran to the end.
        last: what they scored there.
        error: how far chance moves an accuracy on the reward split.
    """
    found = networks.each(lambda one: _mend(networks, one, last.scores[one.name], error), alive)
    mended = Mended()
    for one, best in zip(alive, found, strict=True):
        if best is not None:
            mended.lr_shares[one.name], mended.scores[one.name] = best.lr_share, best.score
            mended.seconds[one.name] = best.seconds + last.seconds[one.name]
    return mended


@dataclass(frozen=True)
class _Best:
    """What served a contender best, and how long finding out took."""

    lr_share: float
    score: float
    seconds: float


def _mend(
    networks: Networks, one: Contender, after: float, error: Callable[[float], float]
) -> _Best | None:
    """Look at one contender; None where its training did no harm."""
    session, before = networks.session, networks.untrained(one)
    if before - after <= error(before):
        return None
    recipe = session.config.finetune
    session.reporter.say(
        f"{networks.goal.text}: fine-tuning made {one.found_by} worse, {before:.1%} before and "
        f"{after:.1%} after it: finetune.lr is {recipe.lr:g}, trying {GENTLE * recipe.lr:g}"
    )
    scores, seconds = {0.0: before, 1.0: after}, 0.0
    with suppress(DivergedError):
        scores[GENTLE], seconds = networks.gentle(one)
    best = max(scores, key=lambda share: scores[share])
    return _Best(best, scores[best], seconds)


def told(one: Contender, lr_shares: Mapping[str, float]) -> Contender:
    """A contender whose name in words says what served it best."""
    words = _WORDS.get(lr_shares.get(one.name, 1.0))
    return one if words is None else replace(one, found_by=f"{one.found_by}, {words}")
