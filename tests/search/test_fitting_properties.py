"""What holds for any problem when widths are fitted to a budget and filled."""

from bisect import bisect
from dataclasses import replace
from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from edgeprune.search import SearchProblem, Widths, fill, fit_to_budget
from edgeprune.search.fitting import asked_ratios, keep_ratios
from tests.search.drawn_problems import keep_ratios_of, problems, widths_of

#: How many choices above the present one filling looks at.
AHEAD = 3


def _cheapest(problem: SearchProblem, ratios: dict[str, float]) -> Widths:
    """The narrowest widths without the branches that are asked to go."""
    return problem.tied(
        {
            group: (problem.narrowest if ratios[group] else problem.smallest)[group]
            for group in problem.groups
        }
    )


def _wider(problem: SearchProblem, widths: Widths) -> list[Widths]:
    """Every plan with one group a few choices wider, branches left as they are."""
    found = []
    for group, width in widths.items():
        above = bisect(problem.choices[group], width)
        ahead = problem.choices[group][above : above + AHEAD] if width else ()
        found += [{**widths, group: one} for one in ahead]
    return found


@given(st.data(), problems(), st.booleans())
def test_fitted_widths_are_allowed_and_inside_the_budget_where_any_are(
    data: st.DataObject, problem: SearchProblem, filled: bool
) -> None:
    ratios = data.draw(keep_ratios_of(problem))
    widths = fit_to_budget(problem, ratios, fill=filled)
    assert problem.check(widths) == widths
    if problem.fits(problem.smallest):
        assert problem.fits(widths)
    else:
        assert widths == problem.smallest


@given(st.data(), problems(monotone=False), st.booleans())
def test_a_staircase_that_steps_back_never_leads_over_the_budget(
    data: st.DataObject, problem: SearchProblem, filled: bool
) -> None:
    ratios = data.draw(keep_ratios_of(problem))
    widths = fit_to_budget(problem, ratios, fill=filled)
    assert problem.check(widths) == widths
    assert problem.fits(widths) or widths == problem.smallest
    assert problem.fits(widths) or not problem.fits(_cheapest(problem, ratios))


@given(st.data(), problems())
def test_branches_go_where_they_are_asked_to_and_else_only_where_they_must(
    data: st.DataObject, problem: SearchProblem
) -> None:
    ratios = data.draw(keep_ratios_of(problem))
    widths = fit_to_budget(problem, ratios)
    for branch in problem.branches:
        if ratios[branch[0]] == 0:
            assert not any(widths[group] for group in branch)
    if problem.fits(_cheapest(problem, ratios)):
        assert all((widths[group] > 0) == (ratios[group] > 0) for group in problem.branch_of)


@given(st.data(), problems(), st.floats(0, 1))
def test_no_more_branches_go_than_must_and_the_least_wanted_first(
    data: st.DataObject, problem: SearchProblem, share: float
) -> None:
    least, most = problem.cost(problem.smallest), problem.cost(problem.narrowest)
    problem = replace(problem, target=least + share * (most - least))
    ratios = data.draw(keep_ratios_of(problem, zeros=False))
    widths = fit_to_budget(problem, ratios)
    wanted = {
        branch: sum(ratios[group] for group in branch) / len(branch) for branch in problem.branches
    }
    gone = [branch for branch in problem.branches if not widths[branch[0]]]
    kept = [branch for branch in problem.branches if widths[branch[0]]]
    if not gone:
        return
    last = max(gone, key=wanted.__getitem__)
    assert all(wanted[last] <= wanted[branch] for branch in kept)
    # With the last one back, even the narrowest plan is over the budget.
    narrowest = {
        group: problem.narrowest[group] if width or group in last else 0
        for group, width in widths.items()
    }
    assert not problem.fits(narrowest) or any(
        wanted[last] == wanted[branch] for branch in gone if branch != last
    )
    assert not any(problem.fits(wider) for wider in _wider(problem, widths))


@given(st.data(), problems())
def test_no_larger_common_scale_fits(data: st.DataObject, problem: SearchProblem) -> None:
    ratios = data.draw(keep_ratios_of(problem))
    if not problem.fits(_cheapest(problem, ratios)):
        return
    # The scales at which some group gets wider, tried one by one.
    shares = {group: ratio * problem.full[group] for group, ratio in ratios.items() if ratio}
    steps = {
        (one + other) / 2 / share * (1 + 1e-5)
        for group, share in shares.items()
        for one, other in pairwise(problem.kept_choices(group))
    }
    plans = [
        problem.tied(
            {
                group: problem.nearest_kept(group, scale * shares[group])
                if group in shares
                else problem.choices[group][0]
                for group in problem.groups
            }
        )
        for scale in sorted(steps)
    ]
    fitting = [plan for plan in plans if problem.fits(plan)]
    expected = fitting[-1] if fitting else _cheapest(problem, ratios)
    assert fit_to_budget(problem, ratios, fill=False) == expected


@given(st.data(), problems(), st.floats(1.0, 3.0), st.booleans())
def test_a_larger_budget_never_uses_less(
    data: st.DataObject, problem: SearchProblem, larger: float, filled: bool
) -> None:
    # By loss, filling may pass over what a smaller budget takes: only the scaling is compared.
    filled = filled and problem.curves is None
    ratios = data.draw(keep_ratios_of(problem))
    loose = replace(problem, target=problem.target * larger)
    tight_widths = fit_to_budget(problem, ratios, fill=filled)
    loose_widths = fit_to_budget(loose, ratios, fill=filled)
    assert problem.cost(tight_widths) <= problem.cost(loose_widths)
    if not filled and problem.fits(_cheapest(problem, ratios)):
        assert all(tight_widths[group] <= loose_widths[group] for group in problem.groups)


@given(st.data(), problems(), st.sampled_from((0.25, 0.5, 2.0)), st.booleans())
def test_only_the_proportions_of_the_ratios_matter(
    data: st.DataObject, problem: SearchProblem, times: float, filled: bool
) -> None:
    ratios = data.draw(keep_ratios_of(problem))
    scaled = {group: times * ratio for group, ratio in ratios.items()}
    assert fit_to_budget(problem, scaled, fill=filled) == fit_to_budget(
        problem, ratios, fill=filled
    )


@given(st.data(), problems())
def test_fitting_what_was_fitted_changes_nothing(
    data: st.DataObject, problem: SearchProblem
) -> None:
    widths = fit_to_budget(problem, data.draw(keep_ratios_of(problem)))
    assert fit_to_budget(problem, keep_ratios(problem, widths)) == widths


@given(st.data(), problems(monotone=False))
def test_filling_is_nowhere_narrower_and_keeps_zeros_and_the_budget(
    data: st.DataObject, problem: SearchProblem
) -> None:
    widths = data.draw(widths_of(problem))
    before = dict(widths)
    filled = fill(problem, widths, data.draw(st.none() | keep_ratios_of(problem, zeros=False)))
    assert widths == before
    assert problem.check(filled) == filled
    assert all(filled[group] >= widths[group] for group in problem.groups)
    assert [group for group in filled if filled[group] == 0] == [
        group for group in widths if widths[group] == 0
    ]
    if problem.fits(widths):
        assert problem.fits(filled)
    else:
        assert filled == widths


@given(st.data(), problems())
def test_nothing_can_be_widened_after_filling(data: st.DataObject, problem: SearchProblem) -> None:
    widths = data.draw(widths_of(problem))
    ratios = data.draw(st.none() | keep_ratios_of(problem, zeros=False))
    filled = fill(problem, widths, ratios)
    if problem.fits(widths):
        assert not any(problem.fits(wider) for wider in _wider(problem, filled))
    assert fill(problem, filled, ratios) == filled


@given(st.data(), problems(curves=False), st.floats(1.0, 3.0))
def test_filling_within_a_larger_budget_never_uses_less(
    data: st.DataObject, problem: SearchProblem, larger: float
) -> None:
    widths = data.draw(widths_of(problem))
    ratios = data.draw(st.none() | keep_ratios_of(problem, zeros=False))
    tight = fill(problem, widths, ratios)
    loose = fill(replace(problem, target=problem.target * larger), widths, ratios)
    assert problem.cost(tight) <= problem.cost(loose)


@given(st.data(), problems())
def test_draws_ask_for_whole_branches_or_none(data: st.DataObject, problem: SearchProblem) -> None:
    some = st.sampled_from((0.0, 0.02, 0.5)) | st.floats(0, 1)
    draws = {group: data.draw(some) for group in problem.groups}
    asked = asked_ratios(problem, draws)
    for group, ratio in asked.items():
        least = problem.narrowest[group] / problem.full[group]
        assert ratio == 0 or max(draws[group], least) == ratio
        first = problem.branch_of.get(group, (group,))[0]
        assert (ratio == 0) == (asked[first] == 0)
        assert ratio > 0 or problem.choices[group][0] == 0
