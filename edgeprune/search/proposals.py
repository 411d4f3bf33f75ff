"""Proposals that were asked for and not answered yet, in an order that a resume repeats."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from optuna.trial import Trial

from edgeprune.search.evaluations import Evaluations
from edgeprune.search.journal import Entry
from edgeprune.search.loop import Loop
from edgeprune.search.neighbours import SpaceExhausted
from edgeprune.search.problem import Widths

#: What is noted of a proposal before it is evaluated, for the details of its outcome.
Note = Callable[[Widths], Mapping[str, Any]]


@dataclass
class Proposal:
    """One that is open.

    Attributes:
        number: in the order of asking, from 0.
        asked: Optuna's trial.
        widths: what is to be evaluated.
        seconds: that proposing it took.
        notes: for the details of its outcome.
        begun: whether its evaluation has begun in this process.
    """

    number: int
    asked: Trial
    widths: Widths
    seconds: float
    notes: Mapping[str, Any] = field(default_factory=dict)
    begun: bool = False


class Proposals:
    """The open proposals of a search.

    As many as may be are asked for after each answer, and never more: so the order of the answers,
    which the journal keeps, fixes at which state of the sampler each one was made. A resume asks
    and answers in that order again, and what was open when the search ended is open again.

    Args:
        loop: the sampler's view.
        queue: widths that the first ones are.
        most: so many are open at once.
        note: see `Note`.
    """

    def __init__(self, loop: Loop, queue: Sequence[Widths], most: int, note: Note) -> None:
        self._loop, self._queue, self._most, self._note = loop, queue, most, note
        self._open: dict[int, Proposal] = {}
        self._asked = 0
        self.exhausted: SpaceExhausted | None = None

    def __bool__(self) -> bool:
        return bool(self._open)

    @property
    def widths(self) -> dict[int, Widths]:
        """Of the open ones, by their number."""
        return {number: one.widths for number, one in self._open.items()}

    def take_up(self, entries: Sequence[Entry], open_: Mapping[int, Widths]) -> None:
        """Go on where the sampler's snapshot stands.

        Args:
            entries: what it has learnt from.
            open_: what was open.
        """
        answered = {_number(place, entry): entry for place, entry in enumerate(entries)}
        for number in sorted({*answered, *open_}):  # trials have the numbers that they had
            if number in answered:
                self._loop.skip(answered[number])
            else:
                self._keep(number, self._loop.ask(open_[number]))
        self._loop.observe(entries)
        self._asked = len(answered) + len(self._open)

    def fill(self, wanted: int) -> None:
        """Ask until enough are open, or nothing is left to propose.

        Args:
            wanted: outcomes that the search still needs.
        """
        while self.exhausted is None and len(self._open) < min(self._most, wanted):
            self._ask()

    def recorded(self, place: int, entry: Entry) -> Proposal:
        """Take out the open one that a recorded answer is of."""
        number = _number(place, entry)
        while number >= self._asked and self.exhausted is None:  # more were open at once then
            self._ask()
        if number in self._open:
            return self._open.pop(number)
        return Proposal(number, self._loop.ask(entry.widths), entry.widths, self._loop.proposing)

    def begin(self, evaluations: Evaluations) -> None:
        """Begin to evaluate those that nobody evaluates yet."""
        for one in self._open.values():
            if not one.begun:
                evaluations.start(one.number, dict(one.widths))
                one.begun = True

    def answered(self, number: int) -> Proposal:
        """Take out one whose evaluation has ended."""
        return self._open.pop(number)

    def _ask(self) -> None:
        number = self._asked
        try:
            asked = self._loop.ask(self._queue[number] if number < len(self._queue) else None)
        except SpaceExhausted as reason:
            self.exhausted = reason
            return
        self._keep(number, asked)
        self._asked += 1

    def _keep(self, number: int, asked: Trial) -> None:
        problem = self._loop.problem
        # A user's sampler may know nothing of gaps between choices, or of branches.
        widths = problem.check({group: asked.params[group] for group in problem.groups})
        proposal = Proposal(number, asked, widths, self._loop.proposing, self._note(widths))
        self._open[number] = proposal


def _number(place: int, entry: Entry) -> int:
    return place if entry.proposal is None else entry.proposal
