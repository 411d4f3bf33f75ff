"""Contenders that fine-tuning made worse: trained once more, with a part of the learning rate."""

from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import replace
from functools import partial

from edgeprune.errors import DivergedError
from edgeprune.pipeline.field import Contender
from edgeprune.pipeline.finishing import fine_tune
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
    session, mended = networks.session, Mended()
    recipe = session.config.finetune
    for one in alive:
        plan, after = networks.plan(one), last.scores[one.name]
        before = session.score(session.recovery.recover(plan))
        if before - after <= error(before):
            continue
        lr = GENTLE * recipe.lr
        session.reporter.say(
            f"{networks.goal.text}: fine-tuning made {one.found_by} worse, {before:.1%} before and "
            f"{after:.1%} after it: finetune.lr is {recipe.lr:g}, trying {lr:g}"
        )
        model, checkpoint = session.recovery.recover(plan), networks.checkpoint(one, GENTLE)
        hold = partial(plan.hold, model)
        scores, seconds = {0.0: before, 1.0: after}, 0.0
        with suppress(DivergedError):
            name = f"{one.name}-gentle"
            seconds = fine_tune(session, name, model, checkpoint, hold, lr_share=GENTLE)
            scores[GENTLE] = session.score(model)
        best = max(scores, key=lambda share: scores[share])
        mended.lr_shares[one.name], mended.scores[one.name] = best, scores[best]
        mended.seconds[one.name] = seconds + last.seconds[one.name]
    return mended


def told(one: Contender, lr_shares: Mapping[str, float]) -> Contender:
    """A contender whose name in words says what served it best."""
    words = _WORDS.get(lr_shares.get(one.name, 1.0))
    return one if words is None else replace(one, found_by=f"{one.found_by}, {words}")
