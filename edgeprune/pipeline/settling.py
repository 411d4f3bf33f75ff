"""Which widths a contender ends with: as near below the budget as a few measurements bring them."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

from edgeprune.devices import Comparison
from edgeprune.errors import MeasurementError
from edgeprune.pipeline.amounts import measured, shares
from edgeprune.pipeline.session import Session
from edgeprune.search import SearchProblem, Widths, fill, fit_to_budget
from edgeprune.search.fitting import keep_ratios
from edgeprune.search.narrowing import narrow
from edgeprune.search.useful_widths import useful_widths

#: How often a plan is measured, and widened or narrowed by what was learned; and how often in all
#: where nothing was within the limit by then.
MAX_MEASURED, MAX_NARROWED = 5, 12
#: How much less is aimed at with every measurement over the limit but the first: on a device whose
#: measurements move, one plan after another lands a little above it.
_LESS = 0.02
#: A plan this near to the limit stays as it is.
_NEAR = 0.01
#: Uniform plans above the widest one that is within the limit that are measured once more.
_STEPS_ABOVE = 2
#: Further ones that are expected to be within it, the widest first.
_EXPECTED_ABOVE = 4
#: How often less is asked for where a plan that was over the limit comes out once more.
_MAX_ASKED = 40


@dataclass(frozen=True)
class Settled:
    """Widths and the measurement that speaks for them."""

    widths: Widths
    comparison: Comparison
    met: bool


def _nothing(_: Widths) -> dict[str, float]:
    """No budget but that of latency."""
    return {}


@dataclass(frozen=True)
class Settler:
    """Brings plans to a budget by measuring them.

    A search's best trial is partly lucky: among many measured ratios the ones just inside the
    budget were picked, and others leave a part of the budget unused. So each is measured anew; one
    that does not surely hold the limit is narrowed, and one that is far below it is widened, both
    by as much as its measurement says, and to widths that the device's kernels work in: where the
    curves say that it costs least, or all groups alike and then filled where there are none.

    Attributes:
        problem: choices and cost; its curves, where it has some, say what is widened.
        compare: measures widths.
        observe: is told of every measured ratio, so that the problem's cost gets better.
        limit: largest latency as a ratio to the base.
        log: is told what was measured.
        used: measures what widths take of the other budgets, as shares, and learns from it.
    """

    problem: SearchProblem
    compare: Callable[[Widths], Comparison]
    observe: Callable[[Widths, float], None]
    limit: float
    log: Callable[[str], None]
    used: Callable[[Widths], dict[str, float]] = _nothing

    def settle(self, widths: Widths, comparison: Comparison | None = None) -> Settled:
        """The widest plan of this kind that was seen to be surely within the limit.

        Args:
            widths: where it begins.
            comparison: their measurement, where they have been measured already.

        Returns:
            The widths to go on with; `met` is False when even the smallest miss the limit.

        Raises:
            MeasurementError: the device failed before anything within the limit was found.
        """
        best: Settled | None = None
        used = {} if comparison is None else self.used(widths)
        tried: list[Widths] = []
        plan = widths
        while len(tried) < (MAX_NARROWED if best is None else MAX_MEASURED):
            if comparison is None:
                try:
                    comparison = self.compare(plan)
                    used = self.used(plan)
                except MeasurementError as error:
                    if best is None:
                        raise
                    self.log(f"settle: goes no further than {best.comparison.ratio:.4f}x: {error}")
                    break
            tried.append(plan)
            others = ", ".join(f"{name} {share:.3f} of its budget" for name, share in used.items())
            self.log(f"settle: {comparison.ratio:.4f}x of at most {self.limit}x {others}".rstrip())
            taken = max(comparison.ratio_interval[1] / self.limit, *used.values(), 0.0)
            if taken <= 1:  # what is tried after a plan within the limits is wider than it
                best = Settled(plan, comparison, True)
            if 0 <= 1 - taken < _NEAR:
                break
            target, comparison = self._target(plan, comparison), None
            if best is None:
                target *= 1 - _LESS * (len(tried) - 1)
            begin = widths if best is None else best.widths
            plan = self._other(tried, begin, target, widen=best is not None)
            if plan in tried:
                break
        return best or self._smallest()

    def narrower(self, widths: Widths, comparison: Comparison) -> Widths:
        """The plan that takes the place of one whose measurement is over the limit."""
        return self._other([widths], widths, self._target(widths, comparison), widen=False)

    def _target(self, widths: Widths, comparison: Comparison) -> float:
        """The cost at which a plan like this one is expected to be just within the limit."""
        self.observe(widths, comparison.ratio)
        cost = self.problem.costs(widths)[0]
        return cost * self.limit / comparison.ratio_interval[1]

    def _other(self, tried: list[Widths], widths: Widths, target: float, *, widen: bool) -> Widths:
        """A plan made of `widths` at this cost, or a little below it, that was not tried yet.

        Choices are coarse: at a little less than what was just over the limit the same comes out.
        """
        bring = partial(fill, widths=widths) if widen else _narrowing(self.problem, widths)
        for _ in range(_MAX_ASKED):
            plan = bring(self.problem.at(target))
            if plan not in tried or (widen and plan == widths):
                return plan
            target *= 1 - _NEAR / 2
        return widths

    def _smallest(self) -> Settled:
        widths = self.problem.smallest
        comparison = self.compare(widths)
        holds = max(self.used(widths).values(), default=0.0) <= 1
        return Settled(widths, comparison, comparison.ratio <= self.limit and holds)


def _narrowing(problem: SearchProblem, widths: Widths) -> Callable[[SearchProblem], Widths]:
    """Brings a plan into any budget: where the curves say, or all groups alike without them."""
    known = all(widths[group] in problem.choices[group] for group in problem.groups)
    if problem.curves is None or not known:  # a uniform plan may be narrower than a search goes
        return partial(fit_to_budget, ratios=keep_ratios(problem, widths))
    useful = useful_widths(problem)
    return lambda tighter: fill(tighter, narrow(tighter, widths, useful))


def settle_uniform(
    session: Session,
    limit: float,
    compare: Callable[[Widths], Comparison],
    expected: Callable[[Widths], bool] = lambda widths: False,
) -> Settled:
    """The largest uniform-ratio widths whose measured latency is surely within a limit.

    Args:
        session: the open run.
        limit: largest latency as a ratio to the base.
        compare: measures widths.
        expected: whether widths are expected to be within it: a wider plan may be faster than one
            that was refused, where kernels work in steps of channels.

    Returns:
        The widths; `met` is False when even the narrowest miss the limit.
    """
    ladder: list[Widths] = []
    for percent in range(1, 101):
        widths = session.space.scaled(percent / 100)
        if not ladder or widths != ladder[-1]:
            ladder.append(widths)

    def holds(widths: Widths) -> bool:
        return max(shares(session, measured(session, widths)).values(), default=0.0) <= 1

    low, high = 0, len(ladder) - 1
    best = Settled(ladder[0], compare(ladder[0]), False)
    while low <= high:
        middle = (low + high) // 2
        comparison = compare(ladder[middle])
        session.reporter.log(f"uniform step {middle}: {comparison.ratio:.4f}x, wanted {limit:.4f}x")
        if comparison.ratio_interval[1] <= limit and holds(ladder[middle]):
            best = Settled(ladder[middle], comparison, True)
            low = middle + 1
        else:
            high = middle - 1
    # A step that was refused while another process disturbed it would make the baseline too small.
    for widths in ladder[low : low + _STEPS_ABOVE]:
        comparison = compare(widths)
        if comparison.ratio_interval[1] <= limit and holds(widths):
            best = Settled(widths, comparison, True)
    wider = [one for one in ladder[low + _STEPS_ABOVE :] if expected(one)]
    for widths in wider[::-1][:_EXPECTED_ABOVE]:
        comparison = compare(widths)
        session.reporter.log(f"uniform, wider: {comparison.ratio:.4f}x, wanted {limit:.4f}x")
        if comparison.ratio_interval[1] <= limit and holds(widths):
            return Settled(widths, comparison, True)
    return best
