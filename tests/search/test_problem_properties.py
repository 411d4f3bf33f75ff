"""What holds for the widths of any problem: the nearest ones, tied zeros and keys."""

from hypothesis import given
from hypothesis import strategies as st

from edgeprune.search import SearchProblem, Widths
from edgeprune.search.distributions import distributions, to_widths
from tests.search.drawn_problems import choices_of, problems, widths_of

#: Widths asked for: also halves, which lie just between two choices, and what no group has.
ASKED = st.integers(-20, 140).map(lambda halves: halves / 2) | st.floats(-10, 70)


def _nearest(choices: tuple[int, ...], width: float) -> int:
    """Tried one by one: the nearest, of two the wider one."""
    return max(choices, key=lambda one: (-abs(one - width), one))


@given(problems(), ASKED)
def test_the_nearest_choice_is_the_nearest_of_all(problem: SearchProblem, width: float) -> None:
    for group in problem.groups:
        allowed = tuple(problem.choices[group])
        assert problem.nearest_choice(group, width) == _nearest(allowed, width)


@given(problems(), ASKED)
def test_the_nearest_kept_width_is_the_nearest_above_zero(
    problem: SearchProblem, width: float
) -> None:
    for group in problem.groups:
        allowed = tuple(one for one in problem.choices[group] if one > 0)
        assert tuple(problem.kept_choices(group)) == allowed
        assert problem.nearest_kept(group, width) == _nearest(allowed, width)


@given(st.data(), problems())
def test_tied_widths_are_allowed_and_tying_them_again_changes_nothing(
    data: st.DataObject, problem: SearchProblem
) -> None:
    loose = data.draw(choices_of(problem))
    tied = problem.tied(loose)
    assert problem.check(tied) == tied == problem.tied(tied)
    for group, width in loose.items():
        branch = problem.branch_of.get(group)
        if branch is None or (loose[branch[0]] and width):
            assert tied[group] == width
        else:
            assert tied[group] == (problem.narrowest[group] if loose[branch[0]] else 0)


@given(st.data(), problems())
def test_deciding_group_by_group_ends_with_tied_widths(
    data: st.DataObject, problem: SearchProblem
) -> None:
    widths: Widths = {}
    for group in problem.groups:
        allowed = tuple(problem.open_choices(group, widths))
        asked = data.draw(ASKED)
        widths[group] = problem.nearest_open(group, asked, widths)
        assert widths[group] == _nearest(allowed, asked)
    assert problem.check(widths) == widths


@given(st.data(), problems())
def test_keys_are_equal_where_widths_are(data: st.DataObject, problem: SearchProblem) -> None:
    one, other = data.draw(widths_of(problem)), data.draw(widths_of(problem))
    backwards = dict(reversed(one.items()))
    assert problem.key(one) == problem.key(backwards)
    assert (problem.key(one) == problem.key(other)) == (one == other)
    assert dict(zip(problem.groups, problem.key(one), strict=True)) == one


@given(st.data(), problems())
def test_allowed_widths_go_through_optunas_parameters_unchanged(
    data: st.DataObject, problem: SearchProblem
) -> None:
    space, widths = distributions(problem), data.draw(widths_of(problem))
    assert all(space[group]._contains(width) for group, width in widths.items())
    assert to_widths(problem, widths) == widths


@given(st.data(), problems())
def test_any_of_optunas_parameters_give_allowed_widths(
    data: st.DataObject, problem: SearchProblem
) -> None:
    params = {
        group: data.draw(st.integers(problem.choices[group][0], problem.choices[group][-1]))
        for group in problem.groups
    }
    widths = to_widths(problem, params)
    assert problem.check(widths) == widths
