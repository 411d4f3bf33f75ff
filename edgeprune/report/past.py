"""What the page says of earlier searches: which were used, and what that was worth."""

from edgeprune.report.course import Past


def past_sentences(past: Past | None) -> list[str]:
    """One sentence each on sources, trials that were not measured again, and the assistant.

    Args:
        past: of the run; None where it kept no history.

    Returns:
        Sentences without markup; none where the history contributed nothing.
    """
    if past is None:
        return []
    found = []
    if past.sources:
        count = len(past.sources)
        found.append(
            f"The search could learn from {count} earlier search{'es' if count > 1 else ''}, "
            f"{past.source_trials} trials in all."
        )
        if past.trusted is not None and past.trusted < count:
            aside = count - past.trusted
            found.append(
                f"{aside} of {count} {'was' if aside == 1 else 'were'} left aside: "
                "rewards that do not follow from the widths, or that this search's speak against."
            )
    if past.reused:
        noun = "latency was" if past.reused == 1 else "latencies were"
        found.append(
            f"{past.reused} of {past.trials} {noun} known from this target and not measured again; "
            "finalists were."
        )
    if past.predicted and past.error is not None:
        rank = "" if past.rank is None else f", rank correlation {past.rank:.2f}"
        found.append(
            f"The assistant predicted the reward of {past.predicted} trials with a mean error of "
            f"{past.error:.3g}{rank}."
        )
    return found
