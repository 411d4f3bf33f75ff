"""What the page says in words: the headline, and how the result stands beside the others."""

import math

from edgeprune.report import numbers
from edgeprune.report.judged import Judged
from edgeprune.report.race import winner
from edgeprune.report.summary import Role, Row, Summary

#: Ratios further apart than this are not "the same latency", and the page says so.
SAME_LATENCY = 0.03
#: Loss of accuracy that is told like a missed budget.
_MUCH_LOST = 0.05
#: Half-width of a 95 % interval of a normal distribution, in standard deviations.
_Z = 1.959964
_ACCURACY = Judged()


def headline(summary: Summary) -> str:
    """``0.49x the latency (1.21 → 0.59 ms) for -0.3 points of accuracy; budget 0.5x met``.

    Of single weights ``90.1% zeros (172 → 35 kB deflated) for …``.
    """
    base, result = summary.row("base"), summary.row("result")
    difference = result.accuracy - base.accuracy
    before, after = numbers.alike(base.median_ms, result.median_ms)
    saved = f"{result_ratio(summary)} the latency ({before} → {after} {summary.target.unit})"
    if result.density is not None:
        sizes = f"{numbers.size(base.compressed or 0)} → {numbers.size(result.compressed or 0)}"
        saved = f"{zeros(result)} zeros ({sizes} deflated)"
    outcome = "met" if summary.budget.met else "missed"
    paid = _for_accuracy(difference, summary.judged.name)
    return f"{saved} {paid}; budget {summary.budget.text} {outcome}"


def result_ratio(summary: Summary) -> str:
    """The result's ratio, with enough digits that a missed budget does not look like a met one."""
    value, budget = summary.row("result").ratio, summary.budget
    for digits in (2, 3, 4):
        text = numbers.ratio(value, digits)
        if budget.met or text != numbers.ratio(budget.ratio, digits):
            break
    return text


def verdicts(summary: Summary) -> list[str]:
    """One sentence each on the baselines, whoever wins, and one on the test split.

    Returns:
        Sentences without markup.
    """
    result, random = summary.row("result"), summary.row("random")
    trials = "" if random.trials is None else f" with {random.trials} trials"
    channels = summary.granularity == "channels"
    names: dict[Role, str] = {
        "uniform": "Uniform-L1" if channels else "Uniform density",
        "filled": "Uniform-L1, filled up to the budget,",
        "magnitude": "Global magnitude",
        "random": f"Random search{trials}",
    }
    chosen = winner(summary.race)
    own = () if chosen is None else chosen.roles
    return [
        *(
            _is_result(name, summary.row(role))
            if role in own
            else _comparison(name, summary.row(role), result)
            for role, name in names.items()
            if role in summary.roles
        ),
        _resolution(result.accuracy, summary.verification.images, summary.judged),
    ]


def loss_warning(before: float, after: float, images: int, judged: Judged = _ACCURACY) -> str:
    """What nobody must overlook: the result has lost much accuracy, and not by chance.

    Args:
        before: accuracy of the base model.
        after: of the result.
        images: that both were measured on.
        judged: what accuracy is.

    Returns:
        A sentence; empty where at most 5 points are lost, or no more than chance explains.
    """
    surely = (
        not judged.counted
        or accuracy_interval(after, images)[1] < accuracy_interval(before, images)[0]
    )
    if before - after <= _MUCH_LOST or not surely:
        return ""
    return (
        f"The result gets {_reached(after, judged)} where the base model gets "
        f"{numbers.percent(before)}: a met budget does not make it a good network. A looser "
        "budget, more epochs of fine-tuning (finetune.epochs) or more trials may keep more."
    )


def zeros(row: Row) -> str:
    """Share of the prunable weights that is zero."""
    return numbers.percent(1 - (row.density or 0.0))


def latency_sentence(summary: Summary) -> str:
    """What zeros did to the latency, as measured; empty where channels were cut."""
    base, result = summary.row("base"), summary.row("result")
    if result.density is None:
        return ""
    before, after = numbers.alike(base.median_ms, result.median_ms)
    measured = (
        f"measured {numbers.ratio(result.ratio, 3)} of the base model's latency "
        f"({before} → {after} {summary.target.unit})"
    )
    if result.ratio < 1 - SAME_LATENCY:
        return f"The zeros made it faster on this target: {measured}."
    return (
        f"{summary.target.runtime} is a dense runtime, which gains nothing from zeros: {measured}. "
        "For a faster model prune channels."
    )


def estimator_sentence(summary: Summary) -> str:
    """How far predicted latencies were from measured ones; empty where none is known."""
    errors = sorted(
        abs(trial.predicted / trial.ratio - 1)
        for trial in summary.trials
        if trial.predicted is not None
    )
    if not errors:
        return ""
    middle = errors[len(errors) // 2]
    return (
        f"Latency was predicted before it was measured, to hold the budget while widths were "
        f"proposed: half of the {len(errors)} predictions were within {middle:.1%}, the worst was "
        f"off by {errors[-1]:.1%}.{_coverage(summary)} What this page reports is measured."
    )


def _coverage(summary: Summary) -> str:
    """How many measurements lay where the predictions said that 95 % would."""
    known = [(trial.ratio, trial.interval) for trial in summary.trials if trial.interval]
    if not known:
        return ""
    inside = sum(low <= ratio <= high for ratio, (low, high) in known)
    return f" Of the {len(known)} intervals that were to hold 95 % of them, {inside} held."


def clusters_sentence(summary: Summary) -> str:
    """What the search tied together, and when it let go; empty where it did not."""
    if not summary.clusters:
        return ""
    first, *later = summary.clusters
    untied = ", then ".join(f"{one.count} from trial {one.since} on" for one in later)
    return (
        f"Groups whose weights are distributed alike shared one keep ratio, so that "
        f"{len(first.groups)} groups made {first.count} variables"
        f"{'; there were ' + untied if later else ' all the time'}."
    )


def accuracy_interval(accuracy: float, images: int) -> tuple[float, float]:
    """Wilson's 95 % interval of an accuracy measured on a number of images.

    Args:
        accuracy: share of right answers.
        images: how many were asked.

    Returns:
        Lower and upper end, 0 to 1.
    """
    z = _Z
    spread = z * math.sqrt(accuracy * (1 - accuracy) / images + z * z / (4 * images * images))
    centre, scale = accuracy + z * z / (2 * images), 1 + z * z / images
    return max(0.0, (centre - spread) / scale), min(1.0, (centre + spread) / scale)


def _reached(score: float, judged: Judged) -> str:
    shown = numbers.percent(score)
    return f"{shown} right" if judged.counted else f"{shown} {judged.name}"


def _for_accuracy(difference: float, score: str) -> str:
    text = numbers.points(difference)
    if text == "±0.0":
        return f"at the same {score}"
    return f"for {text} {numbers.points_noun(difference)} of {score}"


def _is_result(name: str, row: Row) -> str:
    at = f"at {numbers.ratio(row.ratio)}" if row.density is None else f"with {zeros(row)} zeros"
    return f"{name} reaches {numbers.percent(row.accuracy)} {at}: its plan is the result."


def _comparison(name: str, other: Row, result: Row) -> str:
    difference = other.accuracy - result.accuracy
    text = numbers.points(difference)
    if text == "±0.0":
        outcome = "as accurate as the result"
    else:
        size = f"{text[1:]} {numbers.points_noun(difference)}"
        outcome = f"{size} {'better' if difference > 0 else 'worse'} than the result"
    if other.density is not None:
        reached = f"{numbers.percent(other.accuracy)} with {zeros(other)} zeros"
        return f"{name} reaches {reached}: {outcome}."
    apart = other.ratio / result.ratio - 1
    latency = f"the same latency ({numbers.ratio(other.ratio)})"
    if abs(apart) > SAME_LATENCY:
        more = "more" if apart > 0 else "less"
        latency = f"{abs(apart):.0%} {more} latency ({numbers.ratio(other.ratio)})"
    return f"{name} reaches {numbers.percent(other.accuracy)} at {latency}: {outcome}."


def _resolution(accuracy: float, images: int, judged: Judged) -> str:
    if not judged.counted:
        return f"The {judged.name} is of {images:,} test images."
    step = 100 / images
    worth = f"{step:.2f}" if step >= 0.005 else "less than 0.01"
    sentence = f"Accuracy is of {images:,} test images: one image is worth {worth} points"
    # Of two models on equal images this is an upper bound: their mistakes are mostly shared.
    chance = _Z * math.sqrt(2 * accuracy * (1 - accuracy) / images)
    if chance == 0:
        return f"{sentence}."
    return f"{sentence}, and differences below about {100 * chance:.1f} points can be chance."
