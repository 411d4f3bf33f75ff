"""No candidate twice: unseen widths beside ones that were evaluated before."""

from collections import deque
from collections.abc import Callable, Container, Iterator

from edgeprune.errors import SearchError
from edgeprune.search.problem import Key, SearchProblem, Widths


class SpaceExhausted(SearchError):
    """Everything that could be proposed has been evaluated."""


def unseen(problem: SearchProblem, widths: Widths, seen: Container[Key]) -> Widths:
    """These widths, or where they are known unknown ones beside them, inside the budget.

    The same proposal, history and cost always give the same widths: of the unknown candidates
    one allowed width of one group away, the one that uses the budget up most; if there is none,
    those around each neighbour in turn. Candidates over the budget come last.

    Args:
        problem: the budget and its cost.
        widths: the proposal.
        seen: keys of all candidates evaluated before.

    Raises:
        SpaceExhausted: all combinations of allowed widths have been evaluated.
    """
    if problem.key(widths) not in seen:
        return widths
    for allowed in (problem.fits, _anything):
        for around in _neighbourhoods(problem, widths, allowed):
            fresh = [found for found in around if problem.key(found) not in seen]
            if fresh:
                return max(fresh, key=lambda found: (problem.cost(found), problem.key(found)))
    msg = "every combination of allowed widths has been evaluated"
    raise SpaceExhausted(msg)


def _anything(widths: Widths) -> bool:
    return True


def _neighbourhoods(
    problem: SearchProblem, start: Widths, allowed: Callable[[Widths], bool]
) -> Iterator[list[Widths]]:
    """Breadth first: what lies one step from the start, then from each of those, and so on."""
    reached = {problem.key(start)}
    queue = deque([start])
    while queue:
        around = []
        for candidate in _one_step(problem, queue.popleft()):
            key = problem.key(candidate)
            if key not in reached:
                reached.add(key)
                if allowed(candidate):
                    around.append(candidate)
        yield around
        queue.extend(around)


def _one_step(problem: SearchProblem, widths: Widths) -> Iterator[Widths]:
    for group in problem.groups:
        choices = problem.choices[group]
        index = choices.index(widths[group])
        for step in (index - 1, index + 1):
            if 0 <= step < len(choices):
                # Inside a branch only its first group goes to 0 or comes back, with all others.
                yield problem.tied({**widths, group: choices[step]})
